"""Services in processes of their own, shown on the smallest service there can be."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.integration

PROBE = """
import pathlib
from typing import ClassVar

from pydantic import SecretStr

from delinkcious.config import ServiceSettings
from delinkcious.health import NotReady
from delinkcious.service import run


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "probe"
    needed: pathlib.Path = pathlib.Path("/")


async def work(runtime):
    def check():
        if not runtime.settings.needed.exists():
            raise NotReady("it is not there")

    async def loop(stop):
        await stop.wait()

    runtime.health.add("file", check)
    await runtime.run_until_stopped(loop)


def fail(runtime):
    raise SystemExit(3)


if __name__ == "__main__":
    run(Settings, roles={"work": work}, commands={"fail": fail})
"""


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "probe_service.py").write_text(PROBE)
    return {"PYTHONPATH": str(tmp_path), "NEEDED": str(tmp_path / "needed")}


@pytest.fixture
def process(env: Mapping[str, str]) -> Iterator[ServiceProcess]:
    with ServiceProcess("probe_service", "work", env) as process:
        yield process


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_says_what_it_waits_for_and_when_it_is_ready(
    process: ServiceProcess, tmp_path: Path
) -> None:
    assert process.wait_not_ready() == "file: it is not there"
    assert process.missing() == {"file"}
    (tmp_path / "needed").touch()
    process.wait_ready()
    assert process.readiness()["dependencies"]["file"]["ok"] is True
    assert b"delinkcious_build_info" in process.management("/metrics")


def test_a_process_that_is_terminated_tells_its_exit_code_and_leaves_its_log(
    process: ServiceProcess,
) -> None:
    process.wait_not_ready()
    assert process.terminate() == 0
    assert not process.running
    assert process.readiness() == {}
    assert process.logs()[-1]["event"] == "stopped"


def test_a_killed_process_can_be_started_again_where_it_was(
    process: ServiceProcess, tmp_path: Path
) -> None:
    process.wait_not_ready()
    first, port = process.pid, process.management_port
    process.kill()
    (tmp_path / "needed").touch()
    process.start()
    process.wait_ready()
    assert (process.pid != first, process.management_port) == (True, port)


def test_no_process_outlives_its_test(env: Mapping[str, str]) -> None:
    with ServiceProcess("probe_service", "work", env) as process:
        assert alive(process.pid)
    wait_until(lambda: not alive(process.pid))


def test_waiting_for_a_process_that_ends_fails_at_once_and_says_what_it_said(
    env: Mapping[str, str],
) -> None:
    wrong = {**env, "LOG_LEVEL": "LOUD"}
    with (
        ServiceProcess("probe_service", "work", wrong) as process,
        pytest.raises(RuntimeError, match="configuration error: LOG_LEVEL"),
    ):
        process.wait_ready()


def test_a_process_gets_nothing_from_the_environment_of_the_tests(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with ServiceProcess("probe_service", "work", env) as process:
        process.wait_not_ready()


def test_a_command_runs_to_its_end(env: Mapping[str, str]) -> None:
    assert run_command("probe_service", "fail", env).returncode == 3
