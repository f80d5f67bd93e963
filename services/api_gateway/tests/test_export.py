"""Exports through the gateway."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api_gateway.app import Managers
from api_gateway.testing import Caller, Failing, InMemoryImports, fields
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp
from delinkcious.object_model.imports import FileFormat

Build = Callable[[Managers], RestApp]


@pytest.mark.parametrize(
    ("query", "content_type", "content"),
    [
        ("", "application/json", '{"links":[]}'),
        ("?format=json", "application/json", '{"links":[]}'),
        ("?format=html", "text/html; charset=utf-8", "of alice as html, found by None"),
        ("?format=csv&q=tag:a", "text/csv; charset=utf-8", "of alice as csv, found by tag:a"),
    ],
)
def test_links_are_given_out_as_a_file(
    alice: Caller, query: str, content_type: str, content: str
) -> None:
    answer = alice.get(f"/v1/export{query}")
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.text.endswith(content)


@pytest.mark.parametrize("file_format", FileFormat)
def test_a_browser_keeps_it_and_does_not_show_it(alice: Caller, file_format: FileFormat) -> None:
    """Titles are of strangers' making, and must not run as a page of ours."""
    headers = alice.get(f"/v1/export?format={file_format}").headers
    name = re.fullmatch(r'attachment; filename="(.+)"', headers["Content-Disposition"])
    assert name is not None
    assert name[1] == f"delinkcious-alice-{datetime.now(UTC):%Y-%m-%d}.{file_format}"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


def test_a_browser_that_has_logged_in_may_ask_for_it(alice: Caller) -> None:
    answer = alice.http.get("/v1/export", headers={"Cookie": f"session={alice.token}"})
    assert answer.status_code == 200
    assert alice.http.get("/v1/export").status_code == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [("?format=xml", "format"), ("?q=(", "q"), ("?q=", "q"), ("?q=" + "x" * 2000, "q")],
)
def test_what_is_wrong_is_said_before_it_begins(alice: Caller, query: str, field: str) -> None:
    answer = alice.get(f"/v1/export{query}")
    assert (answer.status_code, fields(answer)) == (400, [field])


def test_a_link_service_that_is_gone_is_a_503(
    managers: Managers, build: Build, alice: Caller
) -> None:
    failing: Any = Failing(Unavailable("link-manager does not answer.", retry_after=1))
    http = build(replace(managers, imports=failing)).test_client()
    answer = http.get("/v1/export", headers={"Access-Token": alice.token})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


class Endless(InMemoryImports):
    """Exports that never end, and may break; remembers which were closed."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.open = 0
        self._error = error

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        self.open += 1
        try:
            yield b"first"
            while self._error is None:
                yield b"more"
            raise self._error
        finally:
            self.open -= 1


def test_an_export_that_breaks_off_is_not_answered_as_if_it_were_whole(
    managers: Managers, build: Build, alice: Caller
) -> None:
    exports = Endless(Unavailable("link-manager broke off in the middle of its answer."))
    http = build(replace(managers, imports=exports)).test_client()
    answer = http.get("/v1/export", headers={"Access-Token": alice.token})
    assert answer.status_code == 200
    with pytest.raises(Unavailable):
        answer.get_data()
    answer.close()
    assert exports.open == 0


def test_only_so_many_are_under_way_and_whoever_leaves_makes_room(
    managers: Managers, build: Build, caller: Callable[[str], Caller]
) -> None:
    exports = Endless()
    app = build(replace(managers, imports=exports))
    alice, bob, carol = (caller(name) for name in ("alice", "bob", "carol"))

    def begin(whose: Caller) -> Any:
        return app.test_client().get("/v1/export", headers={"Access-Token": whose.token})

    with ExitStack() as stack:
        for whose in (alice, alice, bob, bob):
            answer = begin(whose)
            assert answer.status_code == 200
            stack.callback(answer.close)
        for whose, status in ((alice, 429), (carol, 503)):
            refused = begin(whose)
            assert (refused.status_code, refused.headers["Retry-After"]) == (status, "5")
        assert exports.open == 4
    assert exports.open == 0
    begin(carol).close()
