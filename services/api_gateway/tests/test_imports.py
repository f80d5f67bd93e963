"""Imports through the gateway."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import create_environ

from api_gateway.app import Managers
from api_gateway.testing import Caller, Failing, InMemoryImports, fields
from delinkcious.errors import FailedPrecondition, Unavailable
from delinkcious.http.app import RestApp
from delinkcious.object_model.imports import (
    MAX_IMPORT_BYTES,
    FileFormat,
    ImportJob,
    ImportPolicy,
    NewImport,
)
from delinkcious.object_model.links import Visibility

Build = Callable[[Managers], RestApp]

FILE = b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>"


def start(caller: Caller, query: str = "", **options: Any) -> Any:
    options = options or {"data": FILE, "content_type": "text/html"}
    answer = caller.post(f"/v1/imports{query}", **options)
    assert answer.status_code == 202, answer.text
    return answer


@pytest.mark.parametrize(
    "options",
    [
        {"data": FILE, "content_type": "text/html"},
        {"data": {"file": (BytesIO(FILE), "links.html")}},
    ],
    ids=["body", "form"],
)
def test_a_file_is_passed_on_and_its_import_can_be_watched(
    alice: Caller, imports: InMemoryImports, options: dict[str, Any]
) -> None:
    answer = start(alice, **options)
    assert imports.files == {1: FILE}
    assert answer.headers["Location"] == "/v1/imports/1"
    assert answer.json == {
        "id": 1,
        "status": "queued",
        "format": "html",
        "policy": "merge",
        "progress": 0,
        "added": 0,
        "merged": 0,
        "skipped": 0,
        "failed": 1,
        "errors": [{"line": 3, "detail": "url: is missing"}],
        "created_at": "2026-11-20T00:00:00+00:00",
        "finished_at": None,
    }
    assert alice.get(answer.headers["Location"]).json == answer.json


def test_what_is_said_of_a_file_is_passed_on(alice: Caller, imports: InMemoryImports) -> None:
    start(alice)
    assert imports.asked[1] == NewImport(content_type="text/html", filename="")
    query = "?format=json&policy=replace&folders_as_tags=true&visibility=private"
    start(alice, query, data={"file": (BytesIO(b"[]"), "pinboard.json", "text/x-json")})
    assert imports.asked[2] == NewImport(
        format=FileFormat.JSON,
        content_type="text/x-json",
        filename="pinboard.json",
        policy=ImportPolicy.REPLACE,
        folders_as_tags=True,
        visibility=Visibility.PRIVATE,
    )


def test_imports_are_listed_in_pages_newest_first(alice: Caller, bob: Caller) -> None:
    for caller in (alice, bob, alice, alice):
        start(caller)
    first: Any = alice.get("/v1/imports?page_size=2").json
    assert [job["id"] for job in first["imports"]] == [4, 3]
    rest: Any = alice.get(f"/v1/imports?start_token={first['next_page_token']}").json
    assert ([job["id"] for job in rest["imports"]], rest["next_page_token"]) == ([1], None)


def test_an_import_can_be_cancelled(alice: Caller) -> None:
    start(alice)
    cancelled = alice.delete("/v1/imports/1")
    assert cancelled.json is not None
    assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")
    assert alice.get("/v1/imports/1").json == cancelled.json


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_imports_of_others_are_not_there(alice: Caller, bob: Caller, method: str) -> None:
    start(alice)
    for path in ("/v1/imports/1", "/v1/imports/7", "/v1/imports/x", "/v1/imports/" + "9" * 30):
        assert bob.call(method, path).status_code == 404
    assert bob.get("/v1/imports").json == {"imports": [], "next_page_token": None}


@pytest.mark.parametrize(
    ("query", "options", "status", "field"),
    [
        ("", {"data": b"", "content_type": "text/html"}, 400, "body"),
        ("", {"data": {"policy": "skip"}, "content_type": "multipart/form-data"}, 400, "policy"),
        ("?policy=none", {"data": FILE}, 400, "policy"),
        ("?format=xml", {"data": FILE}, 400, "format"),
        ("?folders_as_tags=perhaps", {"data": FILE}, 400, "folders_as_tags"),
        ("?visibility=secret", {"data": FILE}, 400, "visibility"),
        ("?policy=skip&policy=merge", {"data": FILE}, 400, "policy"),
        ("", {"data": FILE, "headers": {"Content-Encoding": "gzip"}}, 415, "Content-Encoding"),
    ],
)
def test_what_is_wrong_is_said(
    alice: Caller,
    imports: InMemoryImports,
    query: str,
    options: dict[str, Any],
    status: int,
    field: str,
) -> None:
    answer = alice.post(f"/v1/imports{query}", **options)
    assert (answer.status_code, fields(answer)) == (status, [field])
    assert imports.files == {}


def test_a_file_that_is_too_large_is_refused_before_it_is_read(app: RestApp, alice: Caller) -> None:
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError(size)

    environ = create_environ("/v1/imports", method="POST")
    environ |= {
        "HTTP_ACCESS_TOKEN": alice.token,
        "CONTENT_LENGTH": str(MAX_IMPORT_BYTES + 1),
        "wsgi.input": Unread(),
    }
    answer = app.response_class.from_app(app, environ)
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"


def test_without_a_token_nothing_is_read(alice: Caller) -> None:
    assert alice.http.post("/v1/imports", data=FILE).status_code == 401


def test_the_cookie_of_a_browser_alone_imports_nothing(alice: Caller) -> None:
    headers = {"Cookie": f"session={alice.token}"}
    assert alice.http.post("/v1/imports", data=FILE, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("link-manager does not answer.", retry_after=1), 503),
        (FailedPrecondition("Five imports are waiting."), 409),
    ],
)
def test_what_the_link_service_says_is_passed_on(
    managers: Managers, build: Build, alice: Caller, error: Any, status: int
) -> None:
    failing: Any = Failing(error)
    http = build(replace(managers, imports=failing)).test_client()
    answer = http.post("/v1/imports", data=FILE, headers={"Access-Token": alice.token})
    assert (answer.status_code, answer.json and answer.json["detail"]) == (status, error.detail)


def test_only_so_many_of_one_user_pass_through_at_a_time(
    managers: Managers, build: Build, alice: Caller, bob: Caller, imports: InMemoryImports
) -> None:
    """Each import begins another one while its file is on the way."""

    class Nested(InMemoryImports):
        def start_import(
            self, username: str, new: NewImport, content: Iterable[bytes]
        ) -> ImportJob:
            others.append(send(alice).status_code)
            return imports.start_import(username, new, content)

    app = build(replace(managers, imports=Nested()))
    others: list[int] = []

    def send(caller: Caller) -> Any:
        headers = {"Access-Token": caller.token}
        return app.test_client().post("/v1/imports", data=FILE, headers=headers)

    assert send(alice).status_code == 202
    assert others == [429, 202]
    assert send(bob).status_code == 202
