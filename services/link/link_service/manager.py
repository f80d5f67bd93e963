"""The use cases of links."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from delinkcious.errors import InvalidArgument
from delinkcious.live import Varying, now
from delinkcious.object_model.links import (
    MAX_CHECKS,
    BulkChange,
    BulkResult,
    ChangePage,
    CheckResult,
    Link,
    LinkChange,
    LinkPage,
    LinkQuery,
    Lookup,
    NewLink,
    PublicLink,
    TagPage,
)
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from link_service import bulk, events, metrics
from link_service.domain import (
    check_change,
    check_new_link,
    merge_tags,
    normalize_tag_prefix,
    normalize_tags,
    normalize_url,
)
from link_service.health import Health, HealthRules, Verdict
from link_service.live import Features
from link_service.ports import LinkStore

_CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""By so much at most: a check from the far future would make all others until then look old."""


def _now() -> datetime:
    return datetime.now(UTC)


class LinkManager:
    """Keeps the links of all users; see `delinkcious.object_model.links.LinkManager`.

    Args:
        features: returns what is switched on.
        luck: returns by chance a number from 0 to 1.
    """

    def __init__(
        self,
        store: LinkStore,
        max_links_per_user: Varying[int],
        rules: HealthRules | None = None,
        *,
        features: Callable[[], Features] = Features,
        clock: Callable[[], datetime] = _now,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._max_links_per_user = max_links_per_user
        self._rules = rules or HealthRules()
        self._features = features
        self._clock = clock
        self._luck = luck

    def get_links(self, query: LinkQuery) -> LinkPage:
        if query.tags:
            query = replace(query, tags=normalize_tags(query.tags, "tag"))
        return self._store.get_links(query)

    def add_link(self, username: str, link: NewLink) -> Link:
        normalized = normalize_url(link.url)
        link = check_new_link(link)
        with self._store.change(username) as collection:
            collection.reserve(now(self._max_links_per_user))
            url = collection.save_url(normalized, link.url)
            link = replace(link, title=link.title or url.title or "")
            added = collection.insert(url.id, link)
            collection.publish(events.link_event(events.ADDED, username, added))
            title_wanted = link.title == "" and url.title is None
            if (url.asks or title_wanted) and self._features().checks:
                collection.publish(
                    events.check_requested(url.id, link.url, title_wanted=title_wanted)
                )
        return added

    def update_link(self, username: str, change: LinkChange) -> Link:
        normalized = normalize_url(change.url)
        change = check_change(change)
        with self._store.change(username) as collection:
            link = collection.find(normalized)
            (changed,) = collection.update([(link, _apply(change, link))])
            collection.publish(events.link_event(events.UPDATED, username, changed))
        return changed

    def delete_link(self, username: str, url: str) -> None:
        normalized = normalize_url(url)
        with self._store.change(username) as collection:
            link = collection.find(normalized)
            collection.delete([link])
            collection.publish(events.link_event(events.DELETED, username, link))

    def get_tags(
        self,
        username: str,
        *,
        prefix: str = "",
        start_token: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> TagPage:
        return self._store.get_tags(
            username,
            prefix=normalize_tag_prefix(prefix),
            start_token=start_token,
            page_size=page_size,
        )

    def rename_tag(self, username: str, name: str, new_name: str) -> int:
        return bulk.rename_tag(self._store, username, name, new_name)

    def delete_tag(self, username: str, name: str) -> int:
        return bulk.delete_tag(self._store, username, name)

    def bulk_change(self, username: str, change: BulkChange) -> BulkResult:
        return bulk.change(self._store, username, change)

    def lookup(self, username: str, url: str) -> Lookup:
        return self._store.lookup(username, normalize_url(url))

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        return self._store.get_latest(authors, limit)

    def get_changes(
        self, username: str, *, since: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ChangePage:
        return self._store.get_changes(username, since=since, page_size=page_size)

    def check_links(
        self, username: str, *, url: str | None = None, ids: Sequence[int] | None = None
    ) -> int:
        if (url is None) == (ids is None):
            raise InvalidArgument.of("url", "name the links either by url or by ids")
        if ids is not None and not 1 <= len(ids) <= MAX_CHECKS:
            raise InvalidArgument.of("ids", f"must be 1 to {MAX_CHECKS}")
        normalized = None if url is None else normalize_url(url)
        with self._store.change(username) as collection:
            links = [collection.find(normalized)] if normalized else collection.find_all(ids or ())
            return collection.request_checks(links) if links else 0

    def record_check(self, result: CheckResult) -> None:
        """Stores what a check found, for everybody who saved the URL."""
        at = min(result.checked_at, self._clock() + _CLOCKS_DIFFER)
        result = replace(result, checked_at=at)
        judge = partial(self._judge, result)
        verdict = self._store.record_check(normalize_url(result.url), result, judge)
        if verdict:
            metrics.RECORDED.labels(result.outcome).inc()
            if verdict.changed:
                metrics.CHANGED.labels(verdict.health.status.value).inc()

    def _judge(self, result: CheckResult, health: Health) -> Verdict:
        checked = self._rules.after(health, result.outcome, result.checked_at)
        return Verdict(
            checked,
            changed=checked.status is not health.status,
            due_at=self._clock() + self._rules.pause(checked, self._luck()),
            urgent=self._rules.awaits_confirmation(checked),
        )


def _apply(change: LinkChange, link: Link) -> Link:
    return replace(
        link,
        title=link.title if change.title is None else change.title,
        description=link.description if change.description is None else change.description,
        visibility=change.visibility or link.visibility,
        tags=merge_tags(link.tags, add=change.add_tags, remove=change.remove_tags),
    )
