"""A client of the public API, as any program would write one: plain HTTP and a token."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

TIMEOUT = 30


class ApiError(Exception):
    """An answer that is not what was asked for; ``problem`` is the problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail')}")
        self.status = status
        self.problem = problem

    @property
    def fields(self) -> list[str]:
        """The fields that the problem names."""
        return [error["field"] for error in self.problem.get("errors", [])]


class _Browser(HTTPAdapter):
    """Takes every name below ``localhost`` for this machine, as browsers and curl do (RFC 6761)."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        url = urlsplit(request.url or "")
        if (url.hostname or "").endswith(".localhost"):
            request = request.copy()  # the session makes the next one, after a redirect, of this
            request.headers["Host"] = url.netloc
            request.url = url._replace(netloc=f"127.0.0.1:{url.port or 80}").geturl()
        return super().send(request, *args, **options)


@dataclass(frozen=True)
class Api:
    """One user of the platform at ``base``, an URL such as ``http://127.0.0.1:5000``."""

    base: str
    token: str = ""
    username: str = ""

    @classmethod
    def login(cls, base: str, username: str) -> "Api":
        """Logs in through a provider that honours GitHub's ``login`` hint without a browser."""
        with requests.Session() as session:
            session.mount("http://", _Browser())
            response = session.get(
                f"{base}/login",
                params={"login": username},
                headers={"Accept": "application/json"},
                timeout=TIMEOUT,
            )
        opened = _decode(response)
        return cls(base, opened["access_token"], opened["username"])

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Sends a request with the user's token and returns whatever comes back."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        return requests.request(
            method,
            self.base + path,
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
            **options,
        )

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Sends a request and returns the decoded answer.

        Raises:
            ApiError: the status is 400 or more.
        """
        return _decode(self.send(method, path, **options))

    def links(self, **filters: Any) -> list[dict[str, Any]]:
        """Returns the first page of the user's links."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/links", params=filters)["links"]
        return found

    def link(self, url: str) -> dict[str, Any] | None:
        """Returns the user's link to a URL, if it is on the first page."""
        return next((link for link in self.links(page_size=1000) if link["url"] == url), None)

    def add(self, url: str, **fields: Any) -> dict[str, Any]:
        """Saves a link."""
        added: dict[str, Any] = self.call("POST", "/v1/links", json={"url": url, **fields})
        return added

    def update(self, url: str, **fields: Any) -> dict[str, Any]:
        """Changes a link."""
        changed: dict[str, Any] = self.call("PUT", "/v1/links", json={"url": url, **fields})
        return changed

    def delete(self, url: str) -> None:
        """Removes a link."""
        self.call("DELETE", "/v1/links", params={"url": url})

    def follow(self, username: str) -> None:
        """Follows somebody."""
        self.call("POST", "/v1/following", json={"username": username})

    def unfollow(self, username: str) -> None:
        """Follows somebody no longer."""
        self.call("DELETE", "/v1/following", params={"username": username})

    def news(self, **paging: Any) -> list[dict[str, Any]]:
        """Returns the first page of the user's news."""
        events: list[dict[str, Any]] = self.call("GET", "/v1/news", params=paging)["events"]
        return events


def _decode(response: requests.Response) -> Any:
    if response.status_code >= requests.codes.bad_request:
        try:
            problem = response.json()
        except requests.JSONDecodeError:
            problem = {"detail": response.text[:500]}
        raise ApiError(response.status_code, problem)
    return response.json() if response.content else None
