"""The client of imports and exports in front of the service, with the Protocol that it fulfils."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delinkcious.clients.imports import ImportClient
from delinkcious.config import Address
from delinkcious.errors import InvalidArgument, NotFound, PayloadTooLarge, Unavailable
from delinkcious.http.app import create_app
from delinkcious.http.client import HttpClient
from delinkcious.http.slots import Slots
from delinkcious.object_model import imports
from delinkcious.object_model.imports import (
    MAX_IMPORT_BYTES,
    FileFormat,
    ImportJob,
    ImportPage,
    ImportPolicy,
    ImportStatus,
    NewImport,
    RowProblem,
)
from delinkcious.object_model.links import Visibility
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from link_service.callers import CALLERS
from link_service.transfers import add_transfers

JOB = ImportJob(
    id=7,
    status=ImportStatus.DONE,
    format=FileFormat.CSV,
    policy=ImportPolicy.SKIP,
    progress=1,
    added=2,
    merged=3,
    skipped=4,
    failed=5,
    errors=(RowProblem(9, "url: is missing"),),
    created_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 9, 31, tzinfo=UTC),
)
NEW = NewImport(
    FileFormat.CSV, "text/csv", "caf\xe9 & links.csv", ImportPolicy.SKIP, True, Visibility.PRIVATE
)


class Recorder:
    """An `ImportManager` that remembers what it was asked, and answers the same to everybody."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.chunks: list[bytes] = []

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        self.asked.append((username, new))
        self.chunks.extend(content)
        self.asked.append("complete")
        return JOB

    @property
    def content(self) -> bytes:
        return b"".join(self.chunks)

    def get_import(self, username: str, number: int) -> ImportJob:
        if username != "alice":
            raise NotFound("There is no such import.")
        return replace(JOB, id=number, finished_at=None)

    def get_imports(
        self, username: str, start_token: str | None = None, page_size: int = 20
    ) -> ImportPage:
        self.asked.append((username, start_token, page_size))
        return ImportPage((JOB,), "more")

    def cancel_import(self, username: str, number: int) -> ImportJob:
        self.asked.append(("cancel", username, number))
        return JOB

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        if q == "(":
            raise InvalidArgument.of("q", "at position 2: expected a word")
        return iter([username.encode(), file_format.encode(), str(q).encode()])


@pytest.fixture
def manager() -> Recorder:
    return Recorder()


@pytest.fixture
def address(manager: Recorder) -> Iterator[Address]:
    auth = auth_for("api-gateway")
    app = create_app(__name__, title="Links", version="1", auth=auth, allowed=CALLERS)
    add_transfers(app, manager, Slots(4, 4))
    with serving(app) as address:
        yield address


@pytest.fixture
def client(address: Address) -> imports.ImportManager:
    return ImportClient(HttpClient("link-manager", address, token=token_of("api-gateway")))


def test_a_file_makes_the_whole_way(client: imports.ImportManager, manager: Recorder) -> None:
    content = [b"url,title\r\n", b"", b"http://a.example/,\r\n--A\r\n"] * 1000
    assert client.start_import("alice", NEW, content) == JOB
    assert manager.asked == [("alice", NEW), "complete"]
    assert manager.content == b"".join(content)


@pytest.mark.parametrize("filename", ["a\0b.csv", "x" * 10_000 + ".csv", 'a"\r\nb.csv'])
def test_no_name_or_type_of_a_file_is_in_the_way(
    client: imports.ImportManager, manager: Recorder, filename: str
) -> None:
    """They come from strangers."""
    client.start_import("alice", NewImport(None, "text/csv\r\nX: y", filename), [b"some"])
    assert manager.content == b"some"
    assert re.search(r"filename='[^']{1,255}\.csv'", str(manager.asked[0]))


def test_a_file_that_breaks_off_is_not_taken_for_whole(
    client: imports.ImportManager, manager: Recorder
) -> None:
    def content() -> Iterator[bytes]:
        yield b"some" * 100_000
        raise InvalidArgument.of("body", "broke off before its end")

    with pytest.raises(InvalidArgument, match="broke off"):
        client.start_import("alice", NEW, content())
    assert "complete" not in manager.asked


def test_a_file_that_is_too_large_is_refused(client: imports.ImportManager) -> None:
    chunk = bytes(1024 * 1024)
    content = (chunk for _ in range(MAX_IMPORT_BYTES // len(chunk) + 1))
    with pytest.raises(PayloadTooLarge):
        client.start_import("alice", NEW, content)


def test_imports_are_shown_listed_and_cancelled(
    client: imports.ImportManager, manager: Recorder
) -> None:
    assert client.get_import("alice", 8) == replace(JOB, id=8, finished_at=None)
    with pytest.raises(NotFound):
        client.get_import("bob", 8)
    page = client.get_imports("alice", "token", 5)
    assert (list(page.imports), page.next_page_token) == ([JOB], "more")
    assert client.cancel_import("alice", 7) == JOB
    assert manager.asked == [("alice", "token", 5), ("cancel", "alice", 7)]


def test_an_export_comes_as_it_is_made(client: imports.ImportManager) -> None:
    assert b"|".join(client.export("alice", FileFormat.HTML, "a b")) == b"alice|html|a b"
    assert b"".join(client.export("alice", FileFormat.CSV)) == b"alicecsvNone"
    with pytest.raises(InvalidArgument, match="at position 2"):
        client.export("alice", FileFormat.CSV, "(")


def test_a_service_that_is_gone_is_unavailable() -> None:
    client = ImportClient(HttpClient("link-manager", Address("127.0.0.1", 1)))
    with pytest.raises(Unavailable):
        client.start_import("alice", NEW, [b"some"])
    with pytest.raises(Unavailable):
        client.export("alice", FileFormat.CSV)
