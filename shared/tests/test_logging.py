"""What is written to stderr: one JSON object a line, without secrets, whoever logs."""

import logging as standard
import re
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import orjson
import pytest
import structlog

from delinkcious import logging, tracing
from delinkcious.log_lines import LineWriter
from delinkcious.testing.waiting import wait_until

Lines = Callable[[], list[dict[str, Any]]]
Configured = Callable[..., Lines]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is the process's, and not the test's."""
    root = standard.root
    handlers, level = root.handlers[:], root.level
    hook, of_structlog = threading.excepthook, structlog.get_config()
    yield
    threading.excepthook = hook
    standard.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.configure(**of_structlog)


@pytest.fixture
def configured(capsys: pytest.CaptureFixture[str]) -> Configured:
    """Configures logging and returns what reads the lines that were written since."""

    def configure(level: str = "DEBUG") -> Lines:
        logging.configure("probe", level, "serve")

        def written() -> list[dict[str, Any]]:
            logging.flush()
            return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]

        return written

    return configure


def test_a_line_says_when_who_what_and_how_bad(configured: Configured) -> None:
    lines = configured()
    structlog.get_logger().warning("cold", degrees=-3)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "cold",
        "level": "warning",
        "service": "probe",
        "role": "serve",
        "degrees": -3,
    }


def test_a_line_within_a_span_has_its_ids(configured: Configured) -> None:
    lines = configured()
    with tracing.span("work"):
        ids = tracing.current_ids()
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines()
    assert (inside["trace_id"], inside["span_id"]) == ids
    assert "trace_id" not in outside


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "token",
        "email",
        "Authorization",
        "client_secret",
        "link_db_password",
        "github_client_secret",
        "session_token",
        "delinkcious-caller-token",
    ],
)
def test_values_that_nobody_may_read_are_replaced(configured: Configured, name: str) -> None:
    lines = configured()
    structlog.get_logger().info("login", **{name: "s3cret", "username": "alice"})
    (line,) = lines()
    assert line[name] == "**********"
    assert line["username"] == "alice"


def test_values_are_replaced_however_deep(configured: Configured) -> None:
    lines = configured()
    structlog.get_logger().info("called", headers=[{"Set-Cookie": "s3cret", "Accept": "*/*"}])
    (line,) = lines()
    assert line["headers"] == [{"Set-Cookie": "**********", "Accept": "*/*"}]


TOKEN = f"dlt_{'a1' * 21}b"


def test_a_secret_in_a_text_is_replaced(configured: Configured) -> None:
    lines = configured()
    structlog.get_logger().info(f"no {TOKEN}", reason=f"{TOKEN} is unknown", tried=(TOKEN,))
    (line,) = lines()
    hidden = "dlt_**********"
    assert (line["event"], line["reason"], line["tried"]) == (
        f"no {hidden}",
        f"{hidden} is unknown",
        [hidden],
    )


def test_a_secret_in_a_traceback_is_replaced(configured: Configured) -> None:
    lines = configured()
    try:
        int(TOKEN)
    except ValueError:
        structlog.get_logger().exception("failed")
        standard.getLogger("library").exception("failed with %s", TOKEN)
    ours, theirs = lines()
    for line in (ours, theirs):
        assert "base 10: 'dlt_**********'" in line["exception"]
        assert TOKEN not in str(line)


def test_a_secret_in_the_line_of_a_request_is_replaced_too(configured: Configured) -> None:
    """Only a line of nothing but what each request has is not searched."""
    lines = configured()
    structlog.get_logger().info("request", method="GET", agent=TOKEN)
    structlog.get_logger().info("request", method="GET", token=TOKEN)
    (searched, named) = lines()
    assert (searched["agent"], named["token"]) == ("dlt_**********", "**********")


def test_a_thread_that_fails_says_so_in_a_line(configured: Configured) -> None:
    lines = configured()

    def fail() -> None:
        raise ValueError(f"nobody has {TOKEN}")

    thread = threading.Thread(target=fail, name="probe")
    thread.start()
    thread.join()
    (line,) = lines()
    assert (line["event"], line["level"], line["thread"]) == ("thread_failed", "error", "probe")
    assert TOKEN not in str(line)


def test_a_line_below_the_level_is_not_written(configured: Configured) -> None:
    lines = configured("WARNING")
    structlog.get_logger().info("quiet")
    structlog.get_logger().error("loud")
    assert [line["event"] for line in lines()] == ["loud"]


def test_the_level_may_change_at_any_time(configured: Configured) -> None:
    lines = configured("INFO")
    logger, library = structlog.get_logger(), standard.getLogger("library")
    logger.debug("first")
    logging.set_level("DEBUG")
    logger.debug("second")
    logging.set_level("ERROR")
    logger.warning("third")
    library.warning("fourth")
    logger.error("fifth")
    assert [line["event"] for line in lines()] == ["second", "fifth"]


def test_a_setting_that_changes_is_mentioned_whatever_the_level(configured: Configured) -> None:
    lines = configured("ERROR")
    structlog.get_logger().info("live_setting_changed", setting="limit")
    assert [line["setting"] for line in lines()] == ["limit"]


def test_an_exception_is_one_line_too(configured: Configured) -> None:
    lines = configured()
    try:
        int("first\nsecond")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines()
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize(
    "value", [object(), {1: "one"}, {(1, 2): "pair"}, 2**70, "\ud800", b"\xff", float("nan")]
)
def test_whatever_is_logged_the_line_is_json(configured: Configured, value: object) -> None:
    """A request must not fail because of what is said about it."""
    lines = configured()
    structlog.get_logger().info("odd", value=value)
    assert [line["event"] for line in lines()] == ["odd"]


def test_what_libraries_log_looks_no_different(configured: Configured) -> None:
    lines = configured()
    with tracing.span("work"):
        standard.getLogger("library").warning("%s is %s", "disk", "full", extra={"token": "s3cret"})
    (line,) = lines()
    assert (line["event"], line["level"], line["service"]) == ("disk is full", "warning", "probe")
    assert line["token"] == "**********"
    assert {"timestamp", "role", "trace_id", "span_id"} <= set(line)


def test_an_exception_that_a_library_logs_is_one_line(configured: Configured) -> None:
    lines = configured()
    try:
        int("first\nsecond")
    except ValueError:
        standard.getLogger("library").exception("failed")
    (line,) = lines()
    assert "Traceback" in line["exception"]


def test_libraries_are_heard_from_warnings_up(configured: Configured) -> None:
    lines = configured()
    standard.getLogger("library").info("chatter")
    assert lines() == []


@pytest.mark.filterwarnings("default")
def test_the_warnings_of_python_are_lines_too(configured: Configured) -> None:
    lines = configured()
    import warnings

    warnings.warn("old", FutureWarning, stacklevel=1)
    (line,) = lines()
    assert "FutureWarning: old" in line["event"]


def test_information_is_written_soon_and_trouble_at_once() -> None:
    file = BytesIO()
    writer = LineWriter(file)
    writer.info(b"first")
    writer.error(b"second")
    assert file.getvalue() == b"first\nsecond\n"
    writer.info(b"third")
    wait_until(lambda: file.getvalue().endswith(b"third\n"))
    writer.info(b"last")
    writer.close()
    assert file.getvalue().endswith(b"last\n")
