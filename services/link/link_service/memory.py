"""The link store in memory: the double of `link_service.postgres` for tests.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from delinkcious.deletion import PURGED, DeletedUser
from delinkcious.errors import AlreadyExists, FailedPrecondition, Gone, InvalidArgument, NotFound
from delinkcious.object_model.links import (
    ChangePage,
    CheckResult,
    LastCheck,
    Link,
    LinkPage,
    LinkQuery,
    LinkStatus,
    Lookup,
    NewLink,
    PublicLink,
    Sort,
    TagCount,
    TagPage,
    Visibility,
)
from delinkcious.object_model.paging import decode_token, encode_token
from delinkcious.outbox import Entry
from link_service import search
from link_service.domain import host_of, title_key
from link_service.events import SERVICE
from link_service.health import Health, Verdict
from link_service.ports import Judge, SavedUrl
from link_service.queries import asked_for, decode_page_token, page_token, time_key
from link_service.schedule import PER_HOST


@dataclass
class _Url:
    id: int
    host: str
    health: Health = field(default_factory=Health)
    last_check: LastCheck | None = None
    unanswered: bool = False
    title: str | None = None


@dataclass
class _Collection:
    """One user's links by the id of their URL, and what was deleted, each with its version."""

    count: int = 0
    version: int = 0
    links: dict[int, Link] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    tombstones: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def copied(self) -> "_Collection":
        return replace(
            self,
            links=dict(self.links),
            versions=dict(self.versions),
            tombstones=list(self.tombstones),
        )


@dataclass
class _State:
    next_id: int = 1
    urls: dict[str, _Url] = field(default_factory=dict)
    collections: dict[str, _Collection] = field(default_factory=dict)
    purged: dict[str, DeletedUser] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)

    def copied(self) -> "_State":
        """Returns a copy; what it shares never changes."""
        return replace(
            self,
            urls={name: replace(url) for name, url in self.urls.items()},
            collections={name: each.copied() for name, each in self.collections.items()},
            purged=dict(self.purged),
            events=list(self.events),
        )

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def of(self, username: str) -> _Collection:
        return self.collections.setdefault(username, _Collection())

    def forget(self, username: str) -> None:
        self.collections.pop(username, None)
        used = {url_id for c in self.collections.values() for url_id in c.links}
        self.urls = {name: url for name, url in self.urls.items() if url.id in used}

    def refuse_deleted(self, username: str) -> None:
        now = datetime.now(UTC)
        if any(user.username == username and user.until > now for user in self.purged.values()):
            raise NotFound("There is no such account any more.")

    def current(self, url_id: int, link: Link) -> Link:
        url = next(url for url in self.urls.values() if url.id == url_id)
        return replace(link, status=url.health.status, last_check=url.last_check)

    def links_of(self, username: str) -> list[Link]:
        return [self.current(url_id, link) for url_id, link in self.of(username).links.items()]


class InMemoryLinkStore:
    """Keeps links in memory; see `link_service.ports.LinkStore`."""

    def __init__(self) -> None:
        self._state = _State()
        self._lock = threading.RLock()

    @property
    def events(self) -> list[Entry]:
        """What was published, oldest first."""
        return self._state.events

    @contextmanager
    def change(self, username: str) -> Iterator["InMemoryLinkTransaction"]:
        with self._lock:
            before = self._state.copied()
            try:
                yield InMemoryLinkTransaction(self._state, username)
            except BaseException:
                self._state = before
                raise

    def purge_some(self, user: DeletedUser) -> bool:
        """Deletes everything of a user at once; see `link_service.purge`."""
        with self._lock:
            if user.deletion_id not in self._state.purged:
                self._state.purged[user.deletion_id] = user
                self._state.forget(user.username)
            told = Entry(PURGED, user.deletion_id, user.purged_by(SERVICE))
            self._state.events.append(told)
        return True

    def get_links(self, query: LinkQuery) -> LinkPage:
        with self._lock:
            links = self._state.links_of(query.username)
        sort_key = partial(_sort_key, query.sort)
        node = asked_for(query)
        matching = [link for link in links if _matches(query, node, link)]
        rest = sorted(matching, key=sort_key, reverse=query.descending)
        if query.start_token:
            after = decode_page_token(query)
            beyond = [link for link in rest if _is_beyond(query, sort_key(link), after)]
            rest = beyond
        page = rest[: query.page_size]
        more = len(rest) > query.page_size
        return LinkPage.of(page, page_token(query, *sort_key(page[-1])) if more else None)

    def get_tags(
        self, username: str, *, prefix: str, start_token: str | None, page_size: int
    ) -> TagPage:
        after = str(decode_token(start_token, (str,))[0]) if start_token else ""
        with self._lock:
            tags = Counter(tag for link in self._state.links_of(username) for tag in link.tags)
        rest = [
            TagCount(name, count)
            for name, count in sorted(tags.items())
            if name > after and name.startswith(prefix)
        ]
        page, more = rest[:page_size], len(rest) > page_size
        return TagPage(page, encode_token(page[-1].name) if more else None)

    def lookup(self, username: str, normalized: str) -> Lookup:
        with self._lock:
            url = self._state.urls.get(normalized)
            if url is None:
                return Lookup(None, 0)
            link = self._state.of(username).links.get(url.id)
            saved = [c.links[url.id] for c in self._state.collections.values() if url.id in c.links]
            public = [other for other in saved if other.visibility is Visibility.PUBLIC]
            return Lookup(self._state.current(url.id, link) if link else None, len(public))

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        now = datetime.now(UTC)
        with self._lock:
            public = [
                PublicLink(author, link.id, link.url, link.title, link.tags, link.created_at)
                for author in authors
                for link in self._state.links_of(author)
                if link.visibility is Visibility.PUBLIC and link.created_at <= now
            ]
        return sorted(public, key=lambda link: (link.added_at, link.id), reverse=True)[:limit]

    def get_changes(self, username: str, *, since: str | None, page_size: int) -> ChangePage:
        position = _position(since)
        with self._lock:
            collection = self._state.of(username)
            if position[0] > collection.version:
                raise Gone("That is of another collection than there is now. Begin without since.")
            changes = list(collection.tombstones)
            for link in self._state.links_of(username):
                changed = {"type": "changed", "id": link.id, "link": link.to_json()}
                changes.append((collection.versions[link.id], changed))
        changes.sort(key=lambda change: (change[0], change[1]["id"]))
        rest = [(v, change) for v, change in changes if (v, change["id"]) > position]
        page = rest[:page_size]
        last = (page[-1][0], page[-1][1]["id"]) if page else position
        content = {
            "changes": [_shown(change) for _, change in page],
            "next_token": encode_token(*last),
            "has_more": len(rest) > page_size,
        }
        return ChangePage(orjson.dumps(content))

    def record_check(self, normalized: str, result: CheckResult, judge: Judge) -> Verdict | None:
        with self._lock:
            url = self._state.urls.get(normalized)
            if url is None or (url.last_check and url.last_check.at >= result.checked_at):
                return None
            verdict = judge(url.health)
            url.title, url.health = result.title or url.title, verdict.health
            url.unanswered = False
            url.last_check = LastCheck(
                result.outcome, result.http_status, result.checked_at, verdict.health.attempts
            )
            for collection in self._state.collections.values():
                if url.id in collection.links:
                    _inform(collection, url.id, result.title, status_changed=verdict.changed)
            return verdict


class InMemoryLinkTransaction:
    """A change of one user's collection; see `link_service.ports.LinkTransaction`."""

    def __init__(self, state: _State, username: str) -> None:
        state.refuse_deleted(username)
        self._state = state
        self._collection = state.of(username)
        self._collection.version += 1

    def reserve(self, limit: int) -> None:
        if self._collection.count >= limit:
            raise FailedPrecondition(f"You may have at most {limit} links.")
        self._collection.count += 1

    def save_url(self, normalized: str, url: str) -> SavedUrl:  # noqa: ARG002
        known = self._state.urls.get(normalized)
        if known:
            return SavedUrl(known.id, asks=False, title=known.title)
        host = host_of(normalized)
        unanswered = [u for u in self._state.urls.values() if u.host == host and u.unanswered]
        asks = len(unanswered) < PER_HOST
        saved = _Url(self._state.new_id(), host, unanswered=asks)
        self._state.urls[normalized] = saved
        return SavedUrl(saved.id, asks=asks)

    def insert(self, url_id: int, link: NewLink) -> Link:
        if url_id in self._collection.links:
            raise AlreadyExists(f"You have saved {link.url} already.")
        now = datetime.now(UTC)
        added = Link(
            id=self._state.new_id(),
            url=link.url,
            title=link.title,
            description=link.description,
            tags=link.tags,
            visibility=link.visibility,
            status=LinkStatus.PENDING,
            last_check=None,
            created_at=now,
            updated_at=now,
        )
        return self._store(url_id, added)

    def find(self, normalized: str) -> Link:
        url = self._state.urls.get(normalized)
        if url is None or url.id not in self._collection.links:
            raise NotFound("You have no such link.")
        return self._state.current(url.id, self._collection.links[url.id])

    def find_all(self, ids: Sequence[int]) -> list[Link]:
        found = [
            self._state.current(url_id, link)
            for url_id, link in self._collection.links.items()
            if link.id in ids
        ]
        return sorted(found, key=lambda link: link.id)

    def tagged(self, tag: str, limit: int) -> list[Link]:
        ids = [link.id for link in self._collection.links.values() if tag in link.tags]
        return self.find_all(ids[:limit])

    def update(self, links: Iterable[tuple[Link, Link]]) -> list[Link]:
        now = datetime.now(UTC)
        return [self._store(self._url_of(old), replace(new, updated_at=now)) for old, new in links]

    def delete(self, links: Sequence[Link]) -> None:
        for link in links:
            url_id = self._url_of(link)
            del self._collection.links[url_id]
            gone = {"type": "deleted", "id": link.id, "url": link.url}
            stone = {**gone, "deleted_at": datetime.now(UTC)}
            self._collection.tombstones.append((self._collection.version, stone))
            self._collection.count = max(0, self._collection.count - 1)
            self._forget_url(url_id)

    def request_checks(self, links: Sequence[Link]) -> int:
        return len({self._url_of(link) for link in links})

    def publish(self, *events: Entry) -> None:
        self._state.events.extend(events)

    def _store(self, url_id: int, link: Link) -> Link:
        self._collection.links[url_id] = link
        self._collection.versions[link.id] = self._collection.version
        return self._state.current(url_id, link)

    def _url_of(self, link: Link) -> int:
        links = self._collection.links.items()
        return next(url_id for url_id, known in links if known.id == link.id)

    def _forget_url(self, url_id: int) -> None:
        if not any(url_id in c.links for c in self._state.collections.values()):
            urls = self._state.urls
            self._state.urls = {name: url for name, url in urls.items() if url.id != url_id}


def _inform(
    collection: _Collection, url_id: int, title: str | None, *, status_changed: bool
) -> None:
    link = collection.links[url_id]
    untitled = bool(title) and not link.title
    if untitled:
        collection.links[url_id] = replace(link, title=title or "")
    if untitled or status_changed:
        collection.version += 1
        collection.versions[link.id] = collection.version


def _position(since: str | None) -> tuple[int, int]:
    if since is None:
        return 0, 0
    try:
        version, link_id = decode_token(since, (int, int))
    except InvalidArgument:
        raise InvalidArgument.of("since", "is not a token of this list") from None
    return int(version), int(link_id)


def _shown(change: dict[str, Any]) -> dict[str, Any]:
    return {"type": "changed", "link": change["link"]} if "link" in change else change


def _sort_key(sort: Sort, link: Link) -> tuple[int | str, int]:
    if sort is Sort.TITLE:
        return title_key(link.title), link.id
    at = link.created_at if sort is Sort.CREATED else link.updated_at
    return time_key(at), link.id


def _is_beyond(query: LinkQuery, key: tuple[Any, int], after: tuple[Any, ...]) -> bool:
    return key < after if query.descending else key > after


def _matches(query: LinkQuery, node: search.Node | None, link: Link) -> bool:
    texts = {
        "url_regex": link.url,
        "title_regex": link.title,
        "description_regex": link.description,
    }
    found = [_found(name, getattr(query, name), text) for name, text in texts.items()]
    return all(found) and (node is None or search.matches(node, link))


def _found(name: str, regex: str | None, text: str) -> bool:
    try:
        return regex is None or re.search(regex, text, re.IGNORECASE) is not None
    except re.error:
        raise InvalidArgument.of(name, "is not a regular expression") from None
