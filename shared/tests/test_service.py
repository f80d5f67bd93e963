"""A process of a service from its start to its end: exit codes, and what is said on the way."""

import argparse
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from time import monotonic
from typing import ClassVar

import orjson
import pytest
from pydantic import SecretStr

from delinkcious.config import Port, ServiceSettings
from delinkcious.service import Command, Runtime, run
from delinkcious.testing.process import HOST, ServiceProcess, run_command
from delinkcious.testing.waiting import free_port, wait_until

SERVICE = dedent("""
    import asyncio
    from typing import ClassVar

    from pydantic import SecretStr

    from delinkcious import tracing
    from delinkcious.config import ConfigurationError, ServiceSettings
    from delinkcious.service import StartError, run


    class Settings(ServiceSettings):
        service_name: ClassVar[str] = "probe"
        password: SecretStr = SecretStr("")


    async def until_told(stop):
        await stop.wait()


    async def never_ends(stop):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass


    async def fails(stop):
        raise ValueError("it broke")


    async def ends(stop):
        pass


    async def work(runtime):
        with tracing.span("work"):
            pass
        await runtime.run_until_stopped(until_told, until_told)


    async def stuck(runtime):
        await runtime.run_until_stopped(never_ends)


    async def failing(runtime):
        await runtime.run_until_stopped(until_told, fails)


    async def failing_and_stuck(runtime):
        await runtime.run_until_stopped(never_ends, fails)


    async def ending(runtime):
        await runtime.run_until_stopped(ends, until_told)


    async def starting(runtime):
        await asyncio.sleep(3600)


    def serve(runtime):
        runtime.serve_http(lambda environ, start_response: [], threads=1)


    def unforeseen(runtime):
        raise ValueError("it broke")


    def unconfigured(runtime):
        raise ConfigurationError("SIZE: is too large")


    def done(runtime):
        pass


    def refused(runtime):
        raise StartError("the database does not answer")


    if __name__ == "__main__":
        run(
            Settings,
            roles={
                role.__name__: role
                for role in (
                    work, stuck, failing, failing_and_stuck, ending, starting, serve, unforeseen,
                    unconfigured,
                )
            },
            commands={"done": done, "refused": refused},
        )
""")

MODULE = "probe_runner_service"
Start = Callable[..., ServiceProcess]
Ended = Mapping[str, ServiceProcess]


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service."""
    folder = tmp_path_factory.mktemp("service")
    (folder / f"{MODULE}.py").write_text(SERVICE)
    return folder


@pytest.fixture
def start(code: Path) -> Iterator[Start]:
    """Starts a role, with these settings."""
    with ExitStack() as stack:

        def start_role(role: str, **env: object) -> ServiceProcess:
            given = {name: str(setting) for name, setting in env.items()}
            process = ServiceProcess(MODULE, role, {"PYTHONPATH": str(code), **given})
            return stack.enter_context(process)

        yield start_role


@pytest.fixture(scope="module")
def ended(code: Path) -> Iterator[Ended]:
    """Roles that end by themselves, all started at once."""
    roles = ("failing", "ending", "unforeseen", "unconfigured")
    env = {"PYTHONPATH": str(code)}
    with ExitStack() as stack:
        yield {role: stack.enter_context(ServiceProcess(MODULE, role, env)) for role in roles}


def only_json(process: ServiceProcess) -> list[str]:
    """Returns the events in the log, in which there must be nothing else."""
    return [orjson.loads(line)["event"] for line in process.output().splitlines()]


# Before it starts


class Settings(ServiceSettings):
    """A service that is not started."""

    service_name: ClassVar[str] = "probe"

    port: Port = 8080
    password: SecretStr = SecretStr("")


def serve(_runtime: Runtime[Settings]) -> None:
    """Answer requests."""
    pytest.fail("it was started")


def test_a_wrong_configuration_gives_a_line_for_each_mistake_and_exit_code_78(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """78 is EX_CONFIG of sysexits.h."""
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SystemExit) as ended:
        run(Settings, roles={"serve": serve}, arguments=["serve"])
    assert ended.value.code == 78
    port, level = capsys.readouterr().err.splitlines()
    assert port.startswith("probe: configuration error: PORT: ")
    assert level.startswith("probe: configuration error: LOG_LEVEL: ")


def test_live_settings_that_are_wrong_stop_the_start_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "live.yaml"
    file.write_text("log_level: LOUD")
    monkeypatch.setenv("LIVE_CONFIG_FILE", str(file))
    with pytest.raises(SystemExit) as ended:
        run(Settings, roles={"serve": serve}, arguments=["serve"])
    assert ended.value.code == 78
    (line,) = capsys.readouterr().err.splitlines()
    mistake = f"LIVE_CONFIG_FILE: {file}: log_level: input should be "
    assert line.startswith(f"probe: configuration error: {mistake}")


@pytest.mark.parametrize("arguments", [[], ["dance"], ["serve", "twice"]])
def test_an_unknown_role_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(Settings, roles={"serve": serve}, arguments=arguments)
    assert ended.value.code == 2
    assert "usage: probe" in capsys.readouterr().err


def test_it_explains_its_roles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(Settings, roles={"serve": serve}, arguments=["--help"])
    assert ended.value.code == 0
    assert "Answer requests." in capsys.readouterr().out


def test_a_command_is_given_its_own_arguments(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is set up for the process would stay so, for the tests after this one.
    monkeypatch.setattr("delinkcious.service.logging.configure", lambda *_: None)
    monkeypatch.setattr("delinkcious.service.tracing.configure", lambda *_, **__: None)

    def rename(_runtime: Runtime[Settings], given: argparse.Namespace) -> None:
        """Give a thing another name."""
        print(given.thing, given.to)
        raise SystemExit(3)

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("thing")
        parser.add_argument("--to", required=True)

    commands = {"rename": Command(arguments, rename)}

    def ended(*words: str) -> object:
        with pytest.raises(SystemExit) as ended:
            run(Settings, roles={"serve": serve}, commands=commands, arguments=words)
        return ended.value.code

    assert ended("rename", "this", "--to", "that") == 3
    assert capsys.readouterr().out == "this that\n"
    assert ended("rename", "this") == 2
    assert "--to" in capsys.readouterr().err
    assert ended("--help") == 0
    assert "Give a thing another name." in capsys.readouterr().out


integration = pytest.mark.integration


@integration
@pytest.mark.parametrize(("role", "taken"), [("work", "MANAGEMENT_PORT"), ("serve", "PORT")])
def test_a_port_that_is_taken_gives_one_line_that_says_what_to_do(
    start: Start, role: str, taken: str
) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        process = start(role, **{taken: port}, LOG_LEVEL="WARNING")
        assert process.wait() == 69
    assert process.output() == (
        f"probe: {taken} {port}: Address already in use;"
        f" stop what uses it, or set {taken} to another\n"
    )


@integration
def test_a_mistake_that_only_a_role_finds_is_one_in_the_configuration_too(ended: Ended) -> None:
    process = ended["unconfigured"]
    assert process.wait() == 78
    assert process.output().splitlines()[-1] == "probe: configuration error: SIZE: is too large"


@integration
def test_a_start_that_fails_otherwise_is_in_the_log(ended: Ended) -> None:
    process = ended["unforeseen"]
    assert process.wait() == 1
    assert only_json(process) == ["starting", "failed"]
    assert "ValueError: it broke" in process.logs()[-1]["exception"]


# Commands


@integration
@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [("done", 0, ""), ("refused", 69, "probe: the database does not answer\n")],
)
def test_a_command_runs_to_its_end_and_needs_no_management_port(
    code: Path, command: str, exit_code: int, said: str
) -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = {"MANAGEMENT_PORT": str(server.getsockname()[1])}
        done = run_command(MODULE, command, {"PYTHONPATH": str(code), **taken})
    assert (done.returncode, done.stderr) == (exit_code, said)


# Running, and being stopped


@integration
def test_a_worker_says_what_it_is_and_how_it_is_configured_until_it_is_told_to_stop(
    start: Start,
) -> None:
    process = start("work", PASSWORD="s3cret")
    process.wait_ready()
    info = orjson.loads(process.management("/info"))
    assert (info["name"], info["role"]) == ("probe", "work")
    assert b"delinkcious_build_info{" in process.management("/metrics")
    assert process.terminate() == 0
    (line,) = [line for line in process.logs() if line["event"] == "starting"]
    assert (line["service"], line["role"]) == ("probe", "work")
    assert line["configuration"]["port"] == process.port
    assert line["configuration"]["password"] == "**********"
    assert "s3cret" not in process.output()
    assert only_json(process) == ["starting", "stopping", "stopped"]


@integration
def test_how_much_a_process_logs_changes_while_it_runs(start: Start, tmp_path: Path) -> None:
    """And each change is in the log, whatever the level."""
    file = tmp_path / "live.yaml"
    file.write_text("log_level: INFO")
    process = start("work", LIVE_CONFIG_FILE=file, LOG_LEVEL="DEBUG")
    process.wait_ready()
    file.write_text("log_level: ERROR")
    wait_until(lambda: "live_setting_changed" in process.output())
    assert process.terminate() == 0
    starting, changed = process.logs()
    assert starting["live_configuration"] == {"log_level": "INFO"}
    assert (changed["setting"], changed["old"], changed["new"]) == ("log_level", "INFO", "ERROR")
    assert only_json(process) == ["starting", "live_setting_changed"]


@integration
def test_a_worker_that_is_interrupted_ends_as_well(start: Start) -> None:
    process = start("work")
    process.wait_ready()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 0
    assert only_json(process) == ["starting", "stopping", "stopped"]


@integration
def test_a_process_that_is_stopped_before_it_has_started_ends_well(start: Start) -> None:
    process = start("starting")
    wait_until(lambda: process.readiness().get("reason") == "starting")
    assert process.terminate() == 0
    assert only_json(process)[0] == "starting"


@integration
def test_a_worker_that_does_not_end_is_ended_after_its_grace_period(start: Start) -> None:
    process = start("stuck", GRACE_PERIOD=0.5)
    process.wait_ready()
    started = monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait_not_ready() == "draining: the process is stopping"
    assert process.wait(10) == 1
    assert 0.4 < monotonic() - started < 5
    assert only_json(process) == ["starting", "stopping", "grace_period_over"]


@integration
def test_a_worker_whose_loop_fails_ends_and_says_why_once(ended: Ended) -> None:
    """What supervises it starts it afresh."""
    process = ended["failing"]
    assert process.wait(10) == 1
    assert only_json(process).count("worker_failed") == 1
    (line,) = [line for line in process.logs() if line["event"] == "worker_failed"]
    assert line["runner"] == "fails"
    assert "ValueError: it broke" in line["exception"]


@integration
def test_a_worker_whose_loop_ends_by_itself_has_failed(ended: Ended) -> None:
    process = ended["ending"]
    assert process.wait(10) == 1
    assert "worker_failed" in only_json(process)


@integration
def test_a_loop_that_fails_ends_the_worker_also_when_another_does_not_end(start: Start) -> None:
    process = start("failing_and_stuck", GRACE_PERIOD=0.5)
    wait_until(lambda: "worker_failed" in process.output(), 10)
    assert process.wait(10) == 1
    assert only_json(process)[-1] == "grace_period_over"


@integration
def test_a_collector_that_is_gone_does_not_hold_up_the_end(start: Start) -> None:
    process = start("work", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{HOST}:{free_port()}")
    process.wait_ready()
    started = monotonic()
    assert process.terminate() == 0
    assert monotonic() - started < 5
    only_json(process)
