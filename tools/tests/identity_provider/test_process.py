"""The process itself: starting, refusing to, stopping, and what it writes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tools.tests.identity_provider.running import CLIENT_ID, CLIENT_SECRET, RunningProvider

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tools.identity_provider", "serve"]


def environment(directory: Path, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "IDENTITY_PROVIDER_LOCAL": "true",
        "IDENTITY_PROVIDER_DATA": str(directory),
        "GITHUB_CLIENT_ID": CLIENT_ID,
        "GITHUB_CLIENT_SECRET": CLIENT_SECRET,
        "PORT": "0",
    } | changes


def refusal(directory: Path, **changes: str) -> str:
    """What a provider that must not start says."""
    ended = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment(directory, **changes),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


class ProviderProcess:
    """A provider in a process of its own, and the log lines it wrote."""

    def __init__(self, process: subprocess.Popen[str], http: requests.Session) -> None:
        assert process.stderr is not None
        self.process = process
        self.log: list[dict[str, Any]] = [json.loads(process.stderr.readline())]
        self.client = RunningProvider(f"http://127.0.0.1:{self.log[0]['port']}", http)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        stdout, stderr = self.process.communicate(timeout=10)
        assert stdout == ""
        self.log += [json.loads(line) for line in stderr.splitlines()]
        return self.process.returncode


@contextmanager
def running_process(directory: Path) -> Iterator[ProviderProcess]:
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environment(directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with requests.Session() as http:
            http.trust_env = False
            yield ProviderProcess(process, http)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(tmp_path: Path, number: int) -> None:
    with running_process(tmp_path) as provider:
        assert provider.client.user("alice")["login"] == "alice"
        assert provider.stop(number) == 0


def test_a_signal_ends_it_at_once_in_the_middle_of_a_delay(tmp_path: Path) -> None:
    with running_process(tmp_path) as provider:
        provider.client.control("POST", "/faults", {"endpoint": "user", "delay_seconds": 300})
        with pytest.raises(requests.ReadTimeout):
            provider.client.api("/user", "any", timeout=0.1)
        assert provider.stop() == 0


def test_ids_and_names_survive_a_restart(tmp_path: Path) -> None:
    with running_process(tmp_path) as provider:
        dave = provider.client.user("dave")
        provider.client.control("POST", "/accounts/dave/rename", {"login": "david"})
        provider.stop()
    with running_process(tmp_path) as provider:
        assert provider.client.user("david")["id"] == dave["id"]
        assert provider.client.user("erin")["id"] > dave["id"]


def test_it_logs_requests_as_json_and_no_secrets(tmp_path: Path) -> None:
    with running_process(tmp_path) as provider:
        code = provider.client.code("alice", state="the-state")
        token = provider.client.exchange(code)["access_token"]
        provider.client.api("/user/emails", token)
        provider.client.http.get(f"{provider.client.url}/healthz")
        provider.stop()
    requests_logged = [
        (line["method"], line["path"], line["status"])
        for line in provider.log
        if line["event"] == "request"
    ]
    assert requests_logged == [
        ("GET", "/login/oauth/authorize", 302),
        ("POST", "/login/oauth/access_token", 200),
        ("GET", "/user/emails", 200),
    ]
    assert [provider.log[0]["event"], provider.log[-1]["event"]] == ["started", "stopped"]
    for secret in (CLIENT_SECRET, code, token, "the-state", "alice@example.com"):
        assert secret not in json.dumps(provider.log)


def test_an_unexpected_error_is_one_line_and_a_plain_500(tmp_path: Path) -> None:
    with running_process(tmp_path) as provider:
        # A directory in the place of the file makes the next write fail, for root as well.
        (tmp_path / "accounts.json").unlink()
        (tmp_path / "accounts.json").mkdir()
        response = provider.client.authorize(login="dave", state="the-state")
        assert provider.stop() == 0
    assert response.status_code == 500
    assert "Traceback" not in response.text
    (error,) = [line for line in provider.log if line["level"] == "error"]
    assert error["exception"] == "IsADirectoryError"
    assert "the-state" not in json.dumps(provider.log)


def test_it_does_not_start_unless_it_is_told_that_it_is_local(tmp_path: Path) -> None:
    assert "IDENTITY_PROVIDER_LOCAL" in refusal(tmp_path, IDENTITY_PROVIDER_LOCAL="")


def test_it_does_not_listen_to_other_machines(tmp_path: Path) -> None:
    assert "BIND_ADDRESS" in refusal(tmp_path, BIND_ADDRESS="0.0.0.0")


def test_a_taken_port_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refusal(tmp_path, PORT=str(port))
    assert f"127.0.0.1:{port}" in line
    assert "PORT" in line


def test_a_damaged_accounts_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text("{")
    assert str(tmp_path / "accounts.json") in refusal(tmp_path)
