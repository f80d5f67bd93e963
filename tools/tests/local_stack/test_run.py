"""A stack from its start to its end, on real servers: what it says, restarts, keeps and leaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pytest

from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.waiting import wait_until
from tools.local_stack import leftovers
from tools.tests.local_stack.platform import Platform, platform

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A stack for all tests that only look."""
    with platform(tmp_path_factory.mktemp("undisturbed") / "stack") as started:
        started.wait_for("is ready")
        yield started


@pytest.fixture(scope="module")
def healing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A stack for all tests that take a process from it, and give it time to come back."""
    with platform(tmp_path_factory.mktemp("healing") / "stack") as started:
        started.wait_for("is ready")
        yield started


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path / "stack") as started:
        started.wait_for("is ready")
        yield started


def _alive(pids: Iterable[int | None]) -> list[int]:
    return [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]


def _postgres(running: Platform) -> PostgresAddress:
    server = running.description["servers"]["postgres"]
    return PostgresAddress(server["host"], server["port"], "postgres", "secret")


def test_the_start_says_what_runs_where(undisturbed: Platform) -> None:
    pids = undisturbed.pids
    lines = [line.split() for line in undisturbed.output.splitlines()]
    assert ["NAME", "ROLE", "ADDRESS", "MANAGEMENT", "PID"] in lines
    for name, pid in pids.items():
        assert any(line[0] == name and line[-1] == str(pid) for line in lines)


def test_all_that_stack_json_names_runs(undisturbed: Platform) -> None:
    assert sorted(undisturbed.pids) == ["first", "nats", "postgres", "redis", "second"]
    assert len(_alive(undisturbed.pids.values())) == 5


def test_the_logs_of_services_are_shown_whole_and_kept(undisturbed: Platform) -> None:
    line = "serving as 100% second, it's"
    undisturbed.wait_for(line)
    assert line in (undisturbed.directory / "logs" / "second-serve.log").read_text()


def test_the_logs_of_servers_are_kept_but_not_shown(undisturbed: Platform) -> None:
    assert "database system is ready" in (undisturbed.directory / "logs/postgres.log").read_text()
    assert "database system" not in undisturbed.output


@pytest.mark.parametrize("name", ["second", "redis", "nats", "postgres"])
def test_what_is_killed_runs_again(healing: Platform, name: str) -> None:
    before = healing.pids
    pid = before[name]
    assert pid
    os.kill(pid, signal.SIGKILL)
    new = healing.wait_for_pid_other_than(name, pid)
    healing.wait_for(f"ended (terminated by SIGKILL); it runs again as pid {new}")
    assert {**healing.pids, name: None} == {**before, name: None}


def test_what_ends_at_once_is_tried_again_and_again(tmp_path: Path) -> None:
    with platform(tmp_path / "stack", fault="crash") as running:
        again = "second serve ended (exit status 7); it runs again"
        wait_until(lambda: running.output.count(again) > 1, timeout=20)
    assert "is ready" not in running.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_nothing_behind(running: Platform, number: signal.Signals) -> None:
    pids = running.pids.values()
    assert running.end(number) == 0
    assert _alive(pids) == []
    assert not (running.directory / "stack.json").exists()


def test_a_service_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with platform(tmp_path / "stack", fault="deaf") as running:
        running.wait_for("is ready")
        pids = running.pids.values()
        assert running.end(signal.SIGINT) == 0
        assert _alive(pids) == []


def test_data_survives_a_restart(tmp_path: Path) -> None:
    with platform(tmp_path / "stack") as first:
        first.wait_for("is ready")
        with psycopg.connect(_postgres(first).conninfo) as connection:
            connection.execute("create table kept as select 42 as answer")
    with platform(tmp_path / "stack") as second:
        second.wait_for("is ready")
        with psycopg.connect(_postgres(second).conninfo) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)


def test_a_failed_migration_is_one_clear_line_and_the_end(tmp_path: Path) -> None:
    with platform(tmp_path / "stack", migration_fault="no room left") as running:
        assert running.process.wait(30) == 1
    [line] = [line for line in running.output.splitlines() if " failed (" in line]
    assert line.startswith("the migration of second failed (exit status 69): service: no room left")
    assert "starting" not in running.output


def test_nothing_outlives_a_stack_that_is_killed(running: Platform) -> None:
    pids = running.pids.values()
    running.end(signal.SIGKILL)
    wait_until(lambda: not _alive(pids), message="all processes end")


def test_what_outlives_a_killed_stack_is_found_by_the_next(tmp_path: Path) -> None:
    with platform(tmp_path / "stack", fault="deaf") as running:
        running.wait_for("is ready")
        deaf = running.pids["second"]
        running.end(signal.SIGKILL)
    assert _alive([deaf]) == [deaf]
    assert deaf in leftovers.stop_all(tmp_path / "stack", patience=0)
    wait_until(lambda: not _alive([deaf]), message="the deaf process ends")


def test_programs_can_be_stopped_and_started_by_hand(healing: Platform) -> None:
    def control(*words: str) -> None:
        configuration = healing.directory / "supervisord.conf"
        command = [
            str(Path(sys.executable).with_name("supervisorctl")),
            "-c",
            str(configuration),
            *words,
        ]
        subprocess.run(command, check=True, capture_output=True)

    control("stop", "services:second-serve")
    wait_until(lambda: healing.pids["second"] is None)
    control("start", "services:second-serve")
    wait_until(lambda: healing.pids["second"])
