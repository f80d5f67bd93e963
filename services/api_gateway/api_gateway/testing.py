"""For tests of the public API: callers, and doubles of what the gateway stands on."""
# ruff: noqa: S101, ARG002

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api_gateway.github import Authorization
from delinkcious.errors import DelinkciousError, InvalidArgument, NotFound
from delinkcious.object_model.imports import (
    FileFormat,
    ImportJob,
    ImportPage,
    ImportStatus,
    NewImport,
    RowProblem,
)
from delinkcious.object_model.news import NewsEvent, NewsPage, NewsWatch
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, decode_token, encode_token
from delinkcious.object_model.users import GitHubIdentity

MAX_LINKS: Final = 10
"""How many links a user may have, in tests."""


@dataclass(frozen=True)
class Caller:
    """Somebody with an account, a session, and a client that shows its token."""

    username: str
    token: str
    http: FlaskClient

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.http.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def add(self, url: str, **fields: Any) -> dict[str, Any]:
        """Saves a link and returns it."""
        response = self.post("/v1/links", json={"url": url, **fields})
        assert (response.status_code, response.is_json) == (201, True), response.text
        added: dict[str, Any] = response.json or {}
        return added

    def links(self, path: str = "/v1/links", **query: Any) -> list[dict[str, Any]]:
        """Returns a page of links."""
        response = self.get(path, query_string=query)
        assert (response.status_code, response.is_json) == (200, True), response.text
        found: list[dict[str, Any]] = (response.json or {})["links"]
        return found


def fields(response: TestResponse) -> list[str]:
    """The fields that a problem document names."""
    assert response.content_type == "application/problem+json"
    assert response.json is not None
    assert response.json["status"] == response.status_code
    return [error["field"] for error in response.json.get("errors", ())]


@dataclass
class FixedNews:
    """A `NewsManager` that has the same news for everybody, newest first."""

    events: list[NewsEvent] = field(default_factory=list)

    def get_news(
        self,
        username: str,
        start_token: str | None = None,
        page_size: int = DEFAULT_PAGE_SIZE,
        author: str | None = None,
    ) -> NewsPage:
        events = [event for event in self.events if author in {None, event.username}]
        start = int(decode_token(start_token, (int,))[0]) if start_token else 0
        page = tuple(events[start : start + page_size])
        end = start + len(page)
        return NewsPage(page, encode_token(end) if end < len(events) else None)

    def watch_news(
        self, username: str, after: str | None = None, author: str | None = None
    ) -> NewsWatch:
        page = self.get_news(username, None, len(self.events), author)
        return FixedWatch([event for event in reversed(page.events) if event.id > (after or "")])


class FixedWatch:
    """A `NewsWatch` of some events, with a sign of life before and after, which then ends."""

    def __init__(self, events: Sequence[NewsEvent]) -> None:
        self._events = events
        self.is_closed = False

    def __iter__(self) -> Iterator[NewsEvent | None]:
        return iter([None, *self._events, None])

    def close(self) -> None:
        self.is_closed = True


@dataclass
class InMemoryImports:
    """An `ImportManager` that keeps the files that it is given, and imports nothing."""

    files: dict[int, bytes] = field(default_factory=dict)
    asked: dict[int, NewImport] = field(default_factory=dict)
    jobs: dict[tuple[str, int], ImportJob] = field(default_factory=dict)

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        number = len(self.jobs) + 1
        self.files[number] = b"".join(content)
        self.asked[number] = new
        self.jobs[username, number] = job = ImportJob(
            id=number,
            status=ImportStatus.QUEUED,
            format=new.format or FileFormat.HTML,
            policy=new.policy,
            progress=0,
            added=0,
            merged=0,
            skipped=0,
            failed=1,
            errors=[RowProblem(3, "url: is missing")],
            created_at=datetime(2026, 11, 20, tzinfo=UTC),
            finished_at=None,
        )
        return job

    def get_import(self, username: str, number: int) -> ImportJob:
        try:
            return self.jobs[username, number]
        except KeyError:
            raise NotFound.of("import_id", "there is no such import") from None

    def get_imports(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ImportPage:
        (end,) = decode_token(start_token, (int,)) if start_token else (len(self.jobs) + 1,)
        mine = [job for (owner, _), job in self.jobs.items() if owner == username]
        left = sorted((job for job in mine if job.id < int(end)), key=lambda job: -job.id)
        page = left[:page_size]
        return ImportPage(page, encode_token(page[-1].id) if len(left) > page_size else None)

    def cancel_import(self, username: str, number: int) -> ImportJob:
        job = replace(self.get_import(username, number), status=ImportStatus.CANCELLED)
        self.jobs[username, number] = job
        return job

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        if q == "(":
            raise InvalidArgument.of("q", "at position 2: expected a word")
        text = f'{{"links":[]}} of {username} as {file_format}, found by {q}'
        return iter([b'{"links":[', b"]}"] if file_format is FileFormat.JSON else [text.encode()])


class NoProvider:
    """An `IdentityProvider` for tests in which nobody logs in."""

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        raise AssertionError("nobody logs in here")

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        raise AssertionError("nobody logs in here")


class Failing:
    """A manager of which every call fails."""

    def __init__(self, error: DelinkciousError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_args: object, **_kwargs: object) -> NoReturn:
            raise self._error

        return fail
