"""The link store in memory: the double of `link_service.postgres` for tests.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import copy
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from delinkcious.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from delinkcious.object_model.links import (
    CheckResult,
    LastCheck,
    Link,
    LinkPage,
    LinkQuery,
    LinkStatus,
    NewLink,
    TagCount,
    Visibility,
)
from delinkcious.object_model.paging import decode_token, encode_token
from delinkcious.outbox import Entry
from link_service.ports import SavedUrl


@dataclass
class _Url:
    id: int
    status: LinkStatus = LinkStatus.PENDING
    last_check: LastCheck | None = None


@dataclass
class _State:
    next_id: int = 1
    urls: dict[str, _Url] = field(default_factory=dict)
    links: dict[tuple[str, int], Link] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    events: list[Entry] = field(default_factory=list)

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def current(self, url_id: int, link: Link) -> Link:
        url = next(url for url in self.urls.values() if url.id == url_id)
        return replace(link, status=url.status, last_check=url.last_check)


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
    def transaction(self) -> Iterator["InMemoryLinkTransaction"]:
        with self._lock:
            before = copy.deepcopy(self._state)
            try:
                yield InMemoryLinkTransaction(self._state)
            except BaseException:
                self._state = before
                raise

    def get_links(self, query: LinkQuery) -> LinkPage:
        with self._lock:
            links = [
                self._state.current(url_id, link)
                for (username, url_id), link in self._state.links.items()
                if username == query.username
            ]
        after = decode_token(query.start_token, (int, int)) if query.start_token else None
        found = sorted(filter(partial(_matches, query), links), key=_sort_key, reverse=True)
        rest = [link for link in found if after is None or _sort_key(link) < after]
        page = rest[: query.page_size]
        more = len(rest) > query.page_size
        return LinkPage.of(page, encode_token(*_sort_key(page[-1])) if more else None)

    def get_tags(self, username: str) -> list[TagCount]:
        with self._lock:
            tags = Counter(
                tag
                for (owner, _), link in self._state.links.items()
                if owner == username
                for tag in link.tags
            )
        return [TagCount(name, count) for name, count in sorted(tags.items())]

    def record_check(self, normalized: str, result: CheckResult, status: LinkStatus) -> None:
        with self._lock:
            url = self._state.urls.get(normalized)
            if url and (url.last_check is None or url.last_check.at < result.checked_at):
                url.status = status
                url.last_check = LastCheck(result.outcome, result.http_status, result.checked_at)


class InMemoryLinkTransaction:
    """One transaction; see `link_service.ports.LinkTransaction`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def reserve(self, username: str, limit: int) -> None:
        if self._state.counts[username] >= limit:
            raise FailedPrecondition(f"You have {limit} links, which is as many as one may have.")
        self._state.counts[username] += 1

    def release(self, username: str) -> None:
        self._state.counts[username] = max(0, self._state.counts[username] - 1)

    def save_url(self, normalized: str, url: str) -> SavedUrl:  # noqa: ARG002
        known = self._state.urls.get(normalized)
        if known:
            return SavedUrl(known.id, is_new=False)
        saved = self._state.urls[normalized] = _Url(self._state.new_id())
        return SavedUrl(saved.id, is_new=True)

    def insert(self, username: str, url_id: int, link: NewLink) -> Link:
        if (username, url_id) in self._state.links:
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
        self._state.links[username, url_id] = added
        return self._state.current(url_id, added)

    def lock(self, username: str, normalized: str) -> Link:
        url = self._state.urls.get(normalized)
        if url is None or (username, url.id) not in self._state.links:
            raise NotFound("You have no such link.")
        return self._state.current(url.id, self._state.links[username, url.id])

    def update(self, username: str, link: Link) -> Link:
        key = self._key(username, link)
        changed = self._state.links[key] = replace(link, updated_at=datetime.now(UTC))
        return changed

    def delete(self, username: str, link: Link) -> None:
        key = self._key(username, link)
        del self._state.links[key]
        if not any(url_id == key[1] for _, url_id in self._state.links):
            urls = self._state.urls
            self._state.urls = {name: url for name, url in urls.items() if url.id != key[1]}

    def publish(self, *events: Entry) -> None:
        self._state.events.extend(events)

    def _key(self, username: str, link: Link) -> tuple[str, int]:
        links = self._state.links
        return next(
            key for key, known in links.items() if known.id == link.id and key[0] == username
        )


def _sort_key(link: Link) -> tuple[int, int]:
    return int(link.created_at.timestamp() * 1_000_000), link.id


def _matches(query: LinkQuery, link: Link) -> bool:
    texts = {
        "url_regex": link.url,
        "title_regex": link.title,
        "description_regex": link.description,
    }
    found = [_found(name, getattr(query, name), text) for name, text in texts.items()]
    return (
        all(found)
        and set(query.tags) <= set(link.tags)
        and query.status in {None, link.status}
        and not (query.public_only and link.visibility is Visibility.PRIVATE)
    )


def _found(name: str, regex: str | None, text: str) -> bool:
    try:
        return regex is None or re.search(regex, text, re.IGNORECASE) is not None
    except re.error:
        raise InvalidArgument.of(name, "is not a regular expression") from None
