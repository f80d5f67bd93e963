"""For tests of the public API: callers, and doubles of what the gateway stands on."""
# ruff: noqa: S101, ARG002

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api_gateway.github import Authorization
from delinkcious.errors import DelinkciousError
from delinkcious.object_model.news import NewsEvent, NewsPage
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
    ) -> NewsPage:
        start = int(decode_token(start_token, (int,))[0]) if start_token else 0
        page = tuple(self.events[start : start + page_size])
        end = start + len(page)
        return NewsPage(page, encode_token(end) if end < len(self.events) else None)


class NoProvider:
    """An `IdentityProvider` for tests in which nobody logs in."""

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        raise NotImplementedError

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        raise NotImplementedError


class Failing:
    """A manager of which every call fails."""

    def __init__(self, error: DelinkciousError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_args: object, **_kwargs: object) -> NoReturn:
            raise self._error

        return fail
