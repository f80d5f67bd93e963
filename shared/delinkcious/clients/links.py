"""The link service from afar."""

from dataclasses import asdict

from delinkcious.http.client import HttpClient
from delinkcious.object_model.links import Link, LinkChange, LinkPage, LinkQuery, NewLink, TagCount


class LinkClient:
    """A `LinkManager` that is another process."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def get_links(self, query: LinkQuery) -> LinkPage:
        parameters = {
            "username": query.username,
            "url_regex": query.url_regex,
            "title_regex": query.title_regex,
            "description_regex": query.description_regex,
            "tag": query.tags,
            "status": query.status,
            "public_only": "true" if query.public_only else None,
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

    def get_tags(self, username: str) -> list[TagCount]:
        reply = self._http.get("/tags", {"username": username})
        return [TagCount(**tag) for tag in reply.json()["tags"]]
