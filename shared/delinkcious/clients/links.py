"""The link service from afar."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from delinkcious.http.client import HttpClient, Reply
from delinkcious.object_model.links import (
    BulkChange,
    BulkResult,
    ChangePage,
    Link,
    LinkChange,
    LinkPage,
    LinkQuery,
    Lookup,
    NewLink,
    PublicLink,
    Sort,
    TagCount,
    TagPage,
)
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE


class LinkClient:
    """A `LinkManager` that is another process.

    Args:
        patient: for what takes its time, as the change of a thousand links does; by default the
            same as for everything else.
    """

    def __init__(self, http: HttpClient, *, patient: HttpClient | None = None) -> None:
        self._http = http
        self._patient = patient or http

    def get_links(self, query: LinkQuery) -> LinkPage:
        parameters = {
            "username": query.username,
            "q": query.q,
            "url_regex": query.url_regex,
            "title_regex": query.title_regex,
            "description_regex": query.description_regex,
            "tag": query.tags,
            "status": query.status,
            "public_only": "true" if query.public_only else None,
            "sort": query.sort if query.sort is not Sort.CREATED else None,
            "order": query.order,
            "start_token": query.start_token,
            "page_size": query.page_size,
        }
        return LinkPage(self._http.get("/links", parameters).body)

    def add_link(self, username: str, link: NewLink) -> Link:
        body = {"username": username, **asdict(link)}
        return Link.from_json(self._http.request("POST", "/links", json=body).json())

    def update_link(self, username: str, change: LinkChange) -> Link:
        body = {"username": username, **asdict(change)}
        return Link.from_json(self._http.request("PUT", "/links", json=body).json())

    def delete_link(self, username: str, url: str) -> None:
        self._http.request("DELETE", "/links", query={"username": username, "url": url})

    def get_tags(
        self,
        username: str,
        *,
        prefix: str = "",
        start_token: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> TagPage:
        wanted = {"prefix": prefix or None, "start_token": start_token, "page_size": page_size}
        page = self._http.get("/tags", {"username": username, **wanted}).json()
        return TagPage([TagCount(**tag) for tag in page["tags"]], page["next_page_token"])

    def rename_tag(self, username: str, name: str, new_name: str) -> int:
        body = {"username": username, "name": name, "new_name": new_name}
        return _links(self._patient.request("PUT", "/tags", json=body))

    def delete_tag(self, username: str, name: str) -> int:
        query = {"username": username, "name": name}
        return _links(self._patient.request("DELETE", "/tags", query=query))

    def bulk_change(self, username: str, change: BulkChange) -> BulkResult:
        body = {"username": username, **asdict(change)}
        result = self._patient.request("POST", "/links/bulk", json=body).json()
        return BulkResult(
            found=result["found"],
            changed=tuple(result["changed"]),
            deleted=tuple(result["deleted"]),
            checks=result["checks"],
            next_page_token=result["next_page_token"],
        )

    def check_links(
        self, username: str, *, url: str | None = None, ids: Sequence[int] | None = None
    ) -> int:
        body = {"username": username, "url": url, "ids": ids}
        checks: int = self._http.request("POST", "/links/check", json=body).json()["checks"]
        return checks

    def lookup(self, username: str, url: str) -> Lookup:
        found = self._http.get("/links/lookup", {"username": username, "url": url}).json()
        link = found["link"]
        return Lookup(Link.from_json(link) if link else None, found["saved_by"])

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        found = self._http.get("/latest", {"username": tuple(authors), "limit": limit}).json()
        return [_public_link(added) for added in found["links"]]

    def get_changes(
        self, username: str, *, since: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ChangePage:
        wanted = {"username": username, "since": since, "page_size": page_size}
        return ChangePage(self._http.get("/changes", wanted).body)


def _links(reply: Reply) -> int:
    number: int = reply.json()["links"]
    return number


def _public_link(added: Mapping[str, Any]) -> PublicLink:
    link = added["link"]
    return PublicLink(
        author=added["author"],
        id=link["id"],
        url=link["url"],
        title=link["title"],
        tags=tuple(link["tags"]),
        added_at=datetime.fromisoformat(added["added_at"]),
    )
