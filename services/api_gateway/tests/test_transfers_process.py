"""Imports and exports through the real process: memory, early refusals, and what breaks."""

import hashlib
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
import requests

from api_gateway.testing import InMemoryImports
from delinkcious.auth import MutualAuth
from delinkcious.http.app import create_app
from delinkcious.http.slots import Slots
from delinkcious.object_model.imports import MAX_IMPORT_BYTES, FileFormat, ImportJob, NewImport
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.serving import serving
from delinkcious.testing.waiting import free_port
from link_service.callers import CALLERS
from link_service.transfers import add_transfers
from user_service.http import create_user_app
from user_service.manager import UserManager

pytestmark = pytest.mark.integration

PEERS = ("link-manager", "social-graph-manager", "user-manager", "news-manager")
MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 256


class Files(InMemoryImports):
    """Keeps of a file only its digest, and gives out blocks, as many as ``q`` says.

    Attributes:
        begun: whether an import has begun.
        go_on: is waited for between the first block and the others.
        error: what comes instead of the last block.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.digests: list[str] = []
        self.go_on = Event()
        self.go_on.set()
        self.error: Exception | None = None

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        self.begun = True
        digest = hashlib.sha256()
        for chunk in content:
            digest.update(chunk)
        self.digests.append(digest.hexdigest())
        return super().start_import(username, new, [])

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        yield BLOCK
        assert self.go_on.wait(20)
        for _ in range(int(q or 1) - 1):
            yield BLOCK
        if self.error is not None:
            raise self.error


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def gateway(tmp_path: Path, users: Any, files: Files) -> Iterator[ServiceProcess]:
    """The gateway, between a client and the two services that this needs."""
    ports = {peer: free_port() for peer in PEERS}
    key = tmp_path / "secret-key"
    key.write_text("a-secret-key-of-forty-characters-or-more")
    env = {
        "MUTUAL_AUTH_FILE": str(auth_file(tmp_path / "mutual-auth.yaml", *PEERS)),
        "SECRET_KEY_FILE": str(key),
        "GITHUB_CLIENT_ID": "id",
        "GITHUB_CLIENT_SECRET": "secret",
        "SERVER_THREADS": "4",
    }
    for peer, port in ports.items():
        name = peer.upper().replace("-", "_")
        env |= {f"{name}_SERVICE_HOST": "127.0.0.1", f"{name}_SERVICE_PORT": str(port)}
    links = create_app(
        "links", title="Links", version="1", auth=auth_of("link-manager"), allowed=CALLERS
    )
    add_transfers(links, files, Slots(4, 4))
    with ExitStack() as stack:
        stack.enter_context(serving(links, ports["link-manager"]))
        stack.enter_context(
            serving(create_user_app(users, auth_of("user-manager")), ports["user-manager"])
        )
        process = stack.enter_context(ServiceProcess("api_gateway", "serve", env))
        process.wait_ready()
        yield process


def auth_of(peer: str) -> MutualAuth:
    return MutualAuth({"api-gateway": [token_of(peer)]})


@pytest.fixture
def client(users: UserManager) -> Iterator[requests.Session]:
    """Alice's."""
    users.register(GitHubIdentity(7, "alice", "Alice", "alice@example.com"))
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Access-Token"] = users.login("alice").access_token
        yield session


def chunks(number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield BLOCK


def form(number: int) -> Iterator[bytes]:
    yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.html"\r\n\r\n'
    yield from chunks(number)
    yield b"\r\n--edge--\r\n"


@pytest.mark.parametrize(
    ("body", "content_type"), [(chunks, "text/html"), (form, "multipart/form-data; boundary=edge")]
)
def test_an_import_passes_through_whole_and_takes_no_memory(
    gateway: ServiceProcess, client: requests.Session, files: Files, body: Any, content_type: str
) -> None:
    process = psutil.Process(gateway.pid)
    before = process.memory_info().rss
    number = MAX_IMPORT_BYTES // len(BLOCK)
    url = f"{gateway.url}/v1/imports?policy=skip"
    answer = client.post(url, body(number), headers={"Content-Type": content_type}, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (202, "/v1/imports/1")
    assert process.memory_info().rss - before < 30 * MIB
    assert files.digests == [hashlib.sha256(BLOCK * number).hexdigest()]
    assert files.asked[1].policy == "skip"


def test_an_export_passes_through_whole_and_takes_no_memory(
    gateway: ServiceProcess, client: requests.Session
) -> None:
    process = psutil.Process(gateway.pid)
    before = process.memory_info().rss
    digest = hashlib.sha256()
    with client.get(f"{gateway.url}/v1/export?q=1600", stream=True, timeout=60) as answer:
        for chunk in answer.iter_content(MIB):
            digest.update(chunk)
    assert process.memory_info().rss - before < 30 * MIB
    assert digest.hexdigest() == hashlib.sha256(BLOCK * 1600).hexdigest()


class Large:
    """A body of a length that is said, and that nobody has in memory."""

    def __init__(self, length: int) -> None:
        self.left = length

    def __len__(self) -> int:
        return self.left

    def read(self, size: int) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


def test_a_slow_client_keeps_only_the_gateway_waiting(
    gateway: ServiceProcess, client: requests.Session, files: Files
) -> None:
    """The link service is not asked before a file of ordinary size is there."""
    asked = []

    def body() -> Iterator[bytes]:
        for chunk in chunks(64):
            asked.append(files.begun)
            yield chunk

    assert client.post(f"{gateway.url}/v1/imports", body(), timeout=60).status_code == 202
    assert not any(asked)
    assert files.begun


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (Large(1024 * MIB), "text/html"),
        (chunks(16 * 1024), "text/html"),
        (form(16 * 1024), "multipart/form-data; boundary=edge"),
    ],
    ids=["with-length", "in-chunks", "form"],
)
def test_what_is_much_too_large_is_refused_and_its_sender_can_read_why(
    gateway: ServiceProcess, client: requests.Session, files: Files, body: Any, content_type: str
) -> None:
    """A gibibyte, sent by somebody who only listens when all is sent."""
    headers = {"Content-Type": content_type}
    answer = client.post(f"{gateway.url}/v1/imports", body, headers=headers, timeout=60)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]
    assert files.digests == []
    left = body.left if isinstance(body, Large) else sum(map(len, body))
    assert left > 800 * MIB


def test_an_export_that_breaks_off_does_not_look_whole(
    gateway: ServiceProcess, client: requests.Session, files: Files
) -> None:
    files.error = ValueError("the database is gone")
    with client.get(f"{gateway.url}/v1/export?q=300", stream=True, timeout=60) as answer:
        assert answer.status_code == 200
        with pytest.raises(requests.RequestException):
            list(answer.iter_content(MIB))


def test_an_export_in_flight_is_finished_when_it_is_told_to_stop(
    gateway: ServiceProcess, client: requests.Session, files: Files
) -> None:
    files.go_on.clear()
    with client.get(f"{gateway.url}/v1/export?q=30", stream=True, timeout=60) as answer:
        first = answer.raw.read(1)
        os.kill(gateway.pid, signal.SIGTERM)
        gateway.wait_not_ready()
        files.go_on.set()
        assert len(first + answer.raw.read()) == 30 * len(BLOCK)
    assert gateway.wait() == 0
