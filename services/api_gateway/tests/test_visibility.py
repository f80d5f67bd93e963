"""What is private is seen by its owner alone, whichever way somebody looks: over the real managers
of links, of who follows whom, and of news, which hears of links as it does from the stream.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api_gateway.app import Managers
from api_gateway.testing import MAX_LINKS, Caller, FixedWatch, InMemoryImports
from delinkcious.audit import Recorder
from delinkcious.http.openapi import operations
from delinkcious.messaging.event import Event
from delinkcious.object_model.news import NewsPage, NewsWatch
from delinkcious.object_model.users import UserManager
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from news_service.domain import first_id
from news_service.events import TYPES, to_link_news
from news_service.followers import SocialGraphFollowers
from news_service.manager import NewsDesk, NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.rebuild import Rebuilder
from news_service.sources import RemoteSources
from news_service.watch import Watchers
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from user_service.audit import AuditTrail

MARK = "xyzzy"
URL = f"https://{MARK}.example/page"
LINK: dict[str, Any] = {"url": URL, "title": f"{MARK} title", "description": MARK, "tags": [MARK]}

FILTERS = [
    {},
    {"q": MARK},
    {"q": f"is:private OR {MARK}"},
    {"q": "is:private"},
    {"q": f"#{MARK}"},
    {"q": f"site:{MARK}.example"},
    {"q": "-python"},
    {"tag": MARK},
    {"url_regex": "."},
    {"title_regex": MARK},
    {"description_regex": "."},
    {"status": "pending"},
    {"sort": "title"},
    {"page_size": "1000"},
]


class News:
    """The news service without a broker, which hears what the link service has published."""

    def __init__(self, links: InMemoryLinkStore, graph: SocialGraphManager) -> None:
        self._links, self._heard = links, 0
        store = InMemoryNewsStore(1000, timedelta(days=30))
        sources = RemoteSources(graph, LinkManager(links, MAX_LINKS))
        rebuilder = Rebuilder(store, sources, feed_size=100)
        followers = SocialGraphFollowers(graph, 10)
        self._desk = NewsDesk(store, followers, rebuilder, fanout_limit=100)
        self._manager = NewsManager(store, rebuilder, Watchers(10, 0.01))

    def get_news(self, *args: Any, **kwargs: Any) -> NewsPage:
        return asyncio.run(self._get(*args, **kwargs))

    def watch_news(self, username: str, *args: Any, **kwargs: Any) -> NewsWatch:
        return FixedWatch(self.get_news(username).events)

    async def _get(self, *args: Any, **kwargs: Any) -> NewsPage:
        for entry in self._links.events[self._heard :]:
            self._heard += 1
            if entry.subject in TYPES:
                at = datetime.now(UTC)
                number = first_id(at + timedelta(milliseconds=self._heard))
                told = Event(
                    type=entry.subject, source="/l", key=entry.key, data=entry.data, id=number
                )
                await self._desk.record(to_link_news(told))
        return await self._manager.get_news(*args, **kwargs)


@pytest.fixture
def managers(
    users: UserManager, imports: InMemoryImports, trail: AuditTrail, recorder: Recorder
) -> Managers:
    links, graph = InMemoryLinkStore(), SocialGraphManager(InMemoryFollowStore())
    return Managers(
        links=LinkManager(links, MAX_LINKS),
        social_graph=graph,
        users=users,
        news=News(links, graph),
        imports=imports,
        trail=trail,
        recorder=recorder,
    )


@dataclass
class People:
    """Alice has links, Bob follows her, and Nobody has no account."""

    alice: Caller
    bob: Caller
    nobody: FlaskClient

    def seen(self) -> list[str]:
        """Where Bob or Nobody see the link."""
        feed: Any = self.bob.post("/v1/news/feed").json
        feeds = (*FEEDS_OF_ANYBODY, feed["url"])
        # Before the first entry, a feed says what was asked for
        seen = {path: self.nobody.get(path).text.partition("<entry>")[2] for path in feeds}
        seen |= {
            str(filters): self.bob.get("/v1/users/alice/links", query_string=filters).text
            for filters in FILTERS
        }
        for path in PATHS_OF_ONES_OWN:
            seen[path] = self.bob.get(path).text
        lookup: Any = self.bob.get("/v1/links/lookup", query_string={"url": URL}).json
        seen["lookup"] = MARK * lookup["saved_by"]
        return [place for place, text in seen.items() if MARK in text]


FEEDS_OF_ANYBODY = ["/v1/users/alice/links.atom", f"/v1/users/alice/links.atom?tag={MARK}"]
PATHS_OF_ONES_OWN = [
    "/v1/links",
    f"/v1/links?q={MARK}",
    "/v1/changes",
    "/v1/tags",
    f"/v1/tags?prefix={MARK}",
    "/v1/export?format=json",
    "/v1/me/export",
    "/v1/me/audit",
    "/v1/imports",
    "/v1/news",
    "/v1/news?author=alice",
    "/v1/news/stream",
    "/v1/followers",
    "/v1/following",
]


@pytest.fixture
def people(alice: Caller, bob: Caller, http: FlaskClient) -> People:
    bob.post("/v1/following", json={"username": "alice"})
    alice.add("https://www.python.org/", title="Python")
    return People(alice, bob, http)


def publish(alice: Caller) -> None:
    alice.add(**LINK, visibility="public")


def hide(alice: Caller) -> None:
    alice.put("/v1/links", json={"url": URL, "visibility": "private"})


def hide_in_bulk(alice: Caller) -> None:
    alice.post("/v1/links/bulk", json={"q": f"#{MARK}", "visibility": "private"})


def rename_it(alice: Caller) -> None:
    alice.put("/v1/links", json={"url": URL, "title": f"{MARK} again"})


def delete(alice: Caller) -> None:
    alice.delete("/v1/links", query_string={"url": URL})


def add_private(alice: Caller) -> None:
    alice.add(**LINK, visibility="private")


PRIVATE: list[tuple[Callable[[Caller], None], ...]] = [
    (add_private,),
    (add_private, rename_it),
    (publish, hide),
    (publish, hide_in_bulk),
    (publish, hide, rename_it),
    (add_private, delete),
]


@pytest.mark.parametrize("steps", PRIVATE, ids=lambda steps: " ".join(s.__name__ for s in steps))
def test_what_is_private_now_is_nowhere(
    people: People, steps: tuple[Callable[[Caller], None], ...]
) -> None:
    for step in steps:
        step(people.alice)
    assert people.seen() == []
    mine: Any = people.alice.get("/v1/links").json
    assert len(mine["links"]) == (1 if steps[-1] is delete else 2)


def test_what_is_public_is_wherever_one_may_look(people: People) -> None:
    """So the test above would find it."""
    publish(people.alice)
    seen = people.seen()
    assert len(seen) == 3 + len(FILTERS) - 1 + len(
        ["news", "by author", "stream", "export", "lookup"]
    )
    assert "{'q': 'is:private'}" not in seen


def test_nobody_else_changes_it_or_learns_that_it_is_there(people: People) -> None:
    add_private(people.alice)
    private = next(link for link in people.alice.links() if link["url"] == URL)
    before = people.alice.links()
    bob = people.bob
    assert bob.put("/v1/links", json={"url": URL, "title": "t"}).status_code == 404
    assert bob.delete("/v1/links", query_string={"url": URL}).status_code == 404
    assert bob.post("/v1/links/check", json={"url": URL}).status_code == 404
    for change in ({"delete": True}, {"visibility": "public"}, {"add_tags": ["t"]}):
        done: Any = bob.post("/v1/links/bulk", json={"ids": [private["id"]], **change}).json
        assert (done["found"], done["changed"]) == (0, [])
    checks: Any = bob.post("/v1/links/check", json={"ids": [private["id"]]}).json
    assert checks == {"checks": 0}
    assert people.alice.links() == before


def test_every_way_to_look_is_here(app: Any) -> None:
    """An endpoint that shows links must be added above."""
    looked = {path.partition("?")[0] for path in PATHS_OF_ONES_OWN}
    elsewhere = {
        *("/login", "/login/authorized", "/v1/csrf", "/v1/me", "/v1/tokens", "/v1/sessions"),
        *("/v1/deletions/{deletion_id}", "/v1/imports/{import_id}", "/v1/news/feed"),
    }
    above = {
        *("/v1/users/{username}/links", "/v1/users/{username}/links.atom"),
        *("/v1/links/lookup", "/v1/news/feeds/{secret}.atom"),
    }
    reads = {path for path, method, _ in operations(app.spec) if method == "get"}
    assert reads == looked | elsewhere | above
