"""Nothing secret is written where it can be read; last of all, so that it holds for the whole run.

`make audit` looks through the logs of `make run` in the same way.
"""

import re
import stat
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest
import requests

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.stack import Stack
from tests.support.witness import TOKEN, Witness
from tools.audit.leaks import leaks, leaks_in, logs_of, secrets_of

Page = Callable[..., str]

_HANDED_OUT = re.compile(rb"dl[stf]_[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def provoked(stack: Stack, witness: Witness) -> str:
    """A user's token, which has been sent wherever a client can send something by mistake."""
    user = Api.login(stack.gateway, f"careless-{uuid4().hex[:8]}")
    created = user.call("POST", "/v1/tokens", json={"name": "to be lost"})["token"]
    json = {"Content-Type": "application/json"}
    for secret in (user.token, created):
        _send_everywhere(stack.gateway, secret)
        user.send("GET", "/v1/links", params={"q": secret, "access_token": secret})
        user.send("GET", f"/v1/users/{secret}/links")
        user.send("DELETE", f"/v1/tokens/{secret}")
        user.send("POST", "/v1/links", data=f"{{{secret}", headers=json)
    requests.get(f"{stack.gateway}/login/authorized?code={user.token}&state={created}", timeout=10)
    trace = uuid4().hex
    user.send("GET", "/v1/me", headers={"traceparent": f"00-{trace}-{trace[:16]}-01"})
    wait_until(lambda: trace in (stack.folder / "logs" / "api-gateway-serve.log").read_text())
    assert witness.seen[user.token] == witness.seen[created] == TOKEN
    return user.token


@pytest.fixture(scope="module")
def secrets(stack: Stack, witness: Witness, provoked: str) -> Mapping[str, str]:
    """What nobody may read, with where it is from: made by the platform, and given to clients."""
    return {**secrets_of(stack.folder), **witness.seen}


def _send_everywhere(gateway: str, secret: str) -> None:
    """As no library would let us: in the method, the path, the names of headers and the host."""
    address = urlsplit(gateway).netloc
    for method, path, headers in (
        ("GET", f"/{secret}", {}),
        ("GET", f"/v1/links/{secret}?{secret}={secret}", {"Authorization": f"Bearer {secret}x"}),
        (secret, "/v1/links", {}),
        ("GET", "/v1/me", {secret: secret, "Cookie": f"session={secret}", "User-Agent": secret}),
        ("GET", "/v1/me", {"Host": secret, "traceparent": secret, "baggage": f"a={secret}"}),
        ("POST", "/v1/links", {"Content-Type": secret, "Delinkcious-Caller-Token": secret}),
        ("GET", "/v1/me", {"Access-Token": secret, "X-Forwarded-For": secret, "Forwarded": secret}),
    ):
        connection = HTTPConnection(address, timeout=10)
        connection.request(method, path, headers=headers)
        connection.getresponse().read()
        connection.close()


def test_no_log_has_a_secret(stack: Stack, secrets: Mapping[str, str]) -> None:
    assert len(secrets) > 10, "the platform has made secrets, and clients were given some"
    wait_until(lambda: "to be lost" != None)
    found = [leak for path in _logs(stack) for leak in leaks(path, secrets)]
    assert not found, f"{len(found)} lines with secrets: {found[:20]}"


def _logs(stack: Stack) -> Iterable[Path]:
    return [*logs_of(stack.folder), stack.folder.with_name(f"{stack.folder.name}.log")]


def test_no_store_has_a_token_as_it_was_handed_out(
    stack: Stack, witness: Witness, provoked: str
) -> None:
    """Databases, feeds, streams and their journals have digests (ADR-0015)."""
    tokens = {secret.encode() for secret in witness.of_kind(TOKEN)}
    assert provoked.encode() in tokens
    stored = (
        (path, tokens.intersection(_HANDED_OUT.findall(path.read_bytes())))
        for path in stack.folder.rglob("*")
        if path.is_file() and path.parent.name != "secrets"
    )
    assert [str(path) for path, found in stored if found] == []


def test_no_process_shows_a_secret(stack: Stack, secrets: Mapping[str, str]) -> None:
    """Not in its arguments, which everybody may list, and not in its environment."""
    running = [each for each in stack.processes() if each.status() != psutil.STATUS_ZOMBIE]
    shown = {
        process.name(): found
        for process in running
        if (found := leaks_in(_shown_by(process), secrets))
    }
    assert len(running) > 15
    assert shown == {}


def _shown_by(process: psutil.Process) -> bytes:
    return "\n".join([*process.cmdline(), *process.environ().values()]).encode()


def test_no_management_endpoint_shows_a_secret(stack: Stack, secrets: Mapping[str, str]) -> None:
    asked = [
        (f"{process['name']} {process['role']} {path}", process, path)
        for process in stack.read()["processes"]
        if process.get("management_port")
        for path in ("/healthz", "/readiness", "/metrics", "/info")
    ]
    shown = {
        name: found
        for name, process, path in asked
        if (found := leaks_in(_answer(stack, process, path), secrets))
    }
    assert len(asked) > 30
    assert shown == {}


def _answer(stack: Stack, process: Mapping[str, str], path: str) -> bytes:
    return stack.management(process["name"], process["role"], path).content


def test_what_the_platform_writes_only_its_owner_can_read(stack: Stack) -> None:
    paths = [stack.folder, *stack.folder.rglob("*")]
    readable = [path for path in paths if path.lstat().st_mode & 0o077 and not path.is_symlink()]
    assert not [f"{stat.filemode(path.lstat().st_mode)} {path}" for path in readable]
