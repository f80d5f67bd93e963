"""Settings from a file that changes while the process runs."""

import os
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError
from structlog.testing import capture_logs

from delinkcious.config import ConfigurationError, ServiceSettings
from delinkcious.live import Change, Live, LiveModel, LiveSettings, Varying, now
from delinkcious.testing.waiting import wait_until
from delinkcious.watched import Watcher


class Features(LiveModel):
    """What may be turned off."""

    imports: bool = True
    exports: bool = True


class Settings(LiveSettings):
    """A setting of each kind."""

    limit: Annotated[int, Field(ge=1)] = 10
    pause: float = 0.5
    networks: tuple[IPv4Network, ...] = ()
    features: Features = Features()


@pytest.fixture(autouse=True)
def quick_and_tidy(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files need no time to settle here, and the metric is the process's, not the test's."""
    monkeypatch.setattr("delinkcious.watched.SETTLING", 0)
    yield
    Live(Settings())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of live settings that says nothing yet."""
    file = tmp_path / "live.yaml"
    file.write_text("# log_level: DEBUG\n")
    return file


@pytest.fixture
def live(file: Path) -> Live[Settings]:
    return Live(Settings(limit=7), file)


def events(logs: list[Any]) -> list[str]:
    return [log["event"] for log in logs]


def refused(live: Live[Settings], file: Path, content: str) -> list[str]:
    """Writes a wrong file, and returns what is said of it, line by line."""
    file.write_text(content)
    with capture_logs() as logs:
        live.look()
    (log,) = logs
    assert (log["event"], log["log_level"]) == ("live_configuration_refused", "error")
    return str(log["problem"]).splitlines()


def test_without_a_file_the_environment_holds() -> None:
    with Live(Settings(limit=7)) as live:
        live.look()
        assert live.current == Settings(limit=7)


def test_what_the_file_does_not_say_is_as_the_environment_has_it(live: Live[Settings]) -> None:
    assert live.current == Settings(limit=7)


def test_the_file_holds_from_the_start(file: Path) -> None:
    file.write_text("limit: 3\nfeatures: {imports: false}\nnetworks: [10.0.0.0/8]\npause: 2\n")
    live = Live(Settings(limit=7, log_level="ERROR"), file)
    assert live.current == Settings(
        limit=3,
        log_level="ERROR",
        pause=2,
        networks=(IPv4Network("10.0.0.0/8"),),
        features=Features(imports=False),
    )


def test_a_part_of_a_group_leaves_the_rest_as_the_environment_has_it(file: Path) -> None:
    file.write_text("features: {exports: false}")
    live = Live(Settings(features=Features(imports=False)), file)
    assert live.current.features == Features(imports=False, exports=False)


def test_only_the_file_changes_settings(live: Live[Settings]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        live.current.limit = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        live.current.features.imports = False  # type: ignore[misc]


def test_a_change_holds_at_the_next_look_and_is_logged_with_old_and_new_value(
    live: Live[Settings], file: Path
) -> None:
    file.write_text("limit: 3\nfeatures: {exports: false}")
    with capture_logs() as logs:
        live.look()
    assert live.current == Settings(limit=3, features=Features(exports=False))
    said = {"event": "live_setting_changed", "log_level": "info"}
    assert logs == [
        {"setting": "limit", "old": 7, "new": 3, **said},
        {"setting": "features.exports", "old": True, "new": False, **said},
    ]


def test_what_the_file_no_longer_says_is_as_in_the_environment_again(
    live: Live[Settings], file: Path
) -> None:
    for content, limit in (("limit: 3", 3), ("limit:", 7), ("limit: 3", 3), ("", 7)):
        file.write_text(content)
        live.look()
        assert live.current.limit == limit


def test_a_file_that_stays_as_it_is_is_not_mentioned(live: Live[Settings], file: Path) -> None:
    file.write_text("limit: 3")
    live.look()
    with capture_logs() as logs:
        live.look()
        file.write_text("# the same\nlimit: 3")
        live.look()
    assert logs == []


def test_what_does_not_change_stays_the_same_object(file: Path) -> None:
    """So what is kept for a limit is not begun anew because of another setting."""
    file.write_text("networks: [10.0.0.0/8]\nfeatures: {imports: false}")
    live = Live(Settings(), file)
    before = live.current
    file.write_text("networks: [10.0.0.0/8]\nfeatures: {imports: false}\nlimit: 3")
    live.look()
    assert live.current == before.model_copy(update={"limit": 3})
    assert live.current.networks is before.networks
    assert live.current.features is before.features
    file.write_text("networks: [10.0.0.0/8]\nfeatures: {exports: false}\nlimit: 3")
    live.look()
    assert live.current.networks is before.networks
    assert live.current.features == Features(exports=False)


def test_a_file_may_change_within_one_tick_of_the_clock(live: Live[Settings], file: Path) -> None:
    """It is known by its content: neither time nor size has to differ."""
    before = file.stat()
    for limit in (3, 4, 5):
        file.write_text(f"limit: {limit}")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        live.look()
        assert live.current.limit == limit


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("limit: 0", "limit: input should be greater than or equal to 1 (it is 0)"),
        ("limit: true", "limit: input should be a valid integer (it is True)"),
        ("limit: '3'", "limit: input should be a valid integer (it is '3')"),
        ("limt: 3", "limt: there is no such setting"),
        ("features: {import: false}", "features.import: there is no such setting"),
        ("features: {imports: 0}", "features.imports: input should be a valid boolean (it is 0)"),
        ("features: all", "features: "),
        ("log_level: LOUD", "log_level: input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("networks: [10.0.0.0/99]", "networks.0: "),
        ("networks: 10.0.0.0/8", "networks: "),
        ("pause: .nan", "pause: "),
        ("{", "it is not YAML"),
        ("\xff\x00", "it is not YAML"),
        ("[" * 1_000, "it is not YAML"),
        ("a: 2001-99-99", "it is not YAML"),
        ("!!python/object/apply:os.system ['true']", "it is not YAML"),
        ("3", "it must map the names of settings to values"),
        ("- limit: 3", "it must map the names of settings to values"),
        ("limit: &a [*a]", "it is not YAML"),
        ("a: &a [x]\nb: [*a, *a]", "it is not YAML"),
        ("limit: 3\nlimit: 4", "it has a name twice"),
        ("features: {imports: false}\nfeatures: {exports: false}", "it has a name twice"),
        ("features: {imports: true, imports: false}", "it has a name twice"),
        ("2020-01-01: 3", "it holds what no setting can be"),
        ("1: 3", "1: there is no such setting"),
        ("a: " + "x" * 1024 * 1024, "it is larger than 1048576 bytes"),
    ],
)
def test_a_wrong_file_changes_nothing_and_the_mistake_is_named(
    live: Live[Settings], file: Path, content: str, said: str
) -> None:
    file.write_text("limit: 3")
    live.look()
    (line,) = refused(live, file, content)
    assert line.startswith(f"LIVE_CONFIG_FILE: {file}: {said}")
    assert live.current == Settings(limit=3)


def test_a_file_that_is_half_right_is_wrong_as_a_whole(live: Live[Settings], file: Path) -> None:
    lines = refused(live, file, "limit: 3\npause: soon\nspeed: 1")
    assert [line.split(": ")[2] for line in lines] == ["pause", "speed"]
    assert live.current == Settings(limit=7)


def test_a_mistake_is_told_once_and_that_it_is_mended(
    live: Live[Settings], file: Path, counted: Callable[..., float]
) -> None:
    def valid() -> float:
        return counted("delinkcious_live_configuration_valid") + 1  # it was when the test began

    refused(live, file, "limit: 0")
    assert valid() == 0
    with capture_logs() as logs:
        live.look()
        assert logs == []
        file.write_text("")
        live.look()
    assert events(logs) == ["live_configuration_valid_again"]
    assert valid() == 1
    readings = "delinkcious_live_configuration_readings_total"
    assert counted(readings, outcome="refused") == 1
    assert counted(readings, outcome="applied") == 1


def test_a_file_that_disappears_changes_nothing_until_it_is_back(
    live: Live[Settings], file: Path
) -> None:
    file.write_text("limit: 3")
    live.look()
    file.unlink()
    with capture_logs() as logs:
        live.look()
    assert events(logs) == ["live_configuration_refused"]
    assert "No such file" in logs[0]["problem"]
    assert live.current.limit == 3
    file.write_text("limit: 4")
    live.look()
    assert live.current.limit == 4


@pytest.mark.parametrize("content", [None, "limit: 0", "limt: 3", "{"])
def test_a_file_that_is_wrong_at_the_start_stops_the_start(file: Path, content: str | None) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="LIVE_CONFIG_FILE") as caught:
        Live(Settings(), file)
    assert str(file) in str(caught.value)


def test_what_is_being_written_is_not_read_yet(
    live: Live[Settings], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor empties a file before it fills it."""
    file.write_text("limit: 3\n")

    def finish() -> None:
        file.write_text("limit: 3\npause: 9\n")

    monkeypatch.setattr("delinkcious.watched._settle", finish)
    live.look()
    assert live.current == Settings(limit=7)
    live.look()
    assert live.current == Settings(limit=3, pause=9)


def test_listeners_learn_what_changed_when_it_holds(live: Live[Settings], file: Path) -> None:
    heard: list[tuple[Sequence[Change], int]] = []

    def broken(_: Sequence[Change]) -> None:
        raise ValueError("it broke")

    live.on_change(broken)
    live.on_change(lambda changes: heard.append((changes, live.current.limit)))
    file.write_text("limit: 3")
    with capture_logs() as logs:
        live.look()
    assert heard == [([Change("limit", 7, 3)], 3)]
    assert events(logs) == ["live_setting_changed", "live_listener_failed"]


def swap(folder: Path, version: str, content: str) -> None:
    """Swaps the files of a mounted ConfigMap as Kubernetes does (its AtomicWriter)."""
    (folder / version).mkdir()
    (folder / version / "live.yaml").write_text(content)
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


def test_a_mounted_config_map_is_followed(tmp_path: Path) -> None:
    swap(tmp_path, "..2026_01", "limit: 3")
    (tmp_path / "live.yaml").symlink_to("..data/live.yaml")
    with Live(Settings(), tmp_path / "live.yaml") as live:
        assert live.current.limit == 3
        swap(tmp_path, "..2026_02", "limit: 4")
        wait_until(lambda: live.current.limit == 4)
        swap(tmp_path, "..2026_03", "limit: none")
        swap(tmp_path, "..2026_04", "limit: 5")
        wait_until(lambda: live.current.limit == 5)


def test_it_looks_by_itself_until_it_is_closed(file: Path) -> None:
    with Live(Settings(), file) as live:
        file.write_text("limit: 3")
        wait_until(lambda: live.current.limit == 3)
    with Live(Settings(), file) as other:
        file.write_text("limit: 4")
        wait_until(lambda: other.current.limit == 4)
    assert live.current.limit == 3


def test_a_value_may_be_given_as_what_returns_it(live: Live[Settings], file: Path) -> None:
    fixed: Varying[int] = 7
    varying: Varying[int] = lambda: live.current.limit  # noqa: E731
    assert (now(fixed), now(varying)) == (7, 7)
    file.write_text("limit: 3")
    live.look()
    assert (now(fixed), now(varying)) == (7, 3)


def test_the_environment_says_the_level_of_logs() -> None:
    class Probe(ServiceSettings):
        service_name: ClassVar[str] = "probe"

    assert LiveSettings.of(Probe(port=1, log_level="ERROR")).log_level == "ERROR"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(list(Settings.model_fields)) | st.integers(), inner)
        ),
        max_leaves=10,
    )
)
def test_whatever_a_file_says_it_is_taken_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    import yaml

    file = tmp_path_factory.getbasetemp() / "anything.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        live = Live(Settings(), file)
    except ConfigurationError:
        return
    assert live.current.limit >= 1
    assert all(network == ip_network(network) for network in live.current.networks)
