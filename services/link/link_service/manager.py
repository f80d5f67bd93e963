"""The use cases of links."""

from dataclasses import replace

from delinkcious.object_model.links import (
    CheckResult,
    Link,
    LinkChange,
    LinkPage,
    LinkQuery,
    LinkStatus,
    NewLink,
    TagCount,
)
from link_service import events
from link_service.domain import (
    check_change,
    check_new_link,
    merge_tags,
    normalize_tags,
    normalize_url,
)
from link_service.ports import LinkStore


class LinkManager:
    """Keeps the links of all users; see `delinkcious.object_model.links.LinkManager`."""

    def __init__(self, store: LinkStore, max_links_per_user: int) -> None:
        self._store = store
        self._max_links_per_user = max_links_per_user

    def get_links(self, query: LinkQuery) -> LinkPage:
        return self._store.get_links(replace(query, tags=normalize_tags(query.tags)))

    def add_link(self, username: str, link: NewLink) -> Link:
        normalized = normalize_url(link.url)
        link = check_new_link(link)
        with self._store.transaction() as transaction:
            transaction.reserve(username, self._max_links_per_user)
            url = transaction.save_url(normalized, link.url)
            added = transaction.insert(username, url.id, link)
            transaction.publish(events.link_event(events.ADDED, username, added))
            if url.is_new:
                transaction.publish(events.check_requested(url.id, link.url))
        return added

    def update_link(self, username: str, change: LinkChange) -> Link:
        normalized = normalize_url(change.url)
        change = check_change(change)
        with self._store.transaction() as transaction:
            link = transaction.lock(username, normalized)
            changed = transaction.update(username, _apply(change, link))
            transaction.publish(events.link_event(events.UPDATED, username, changed))
        return changed

    def delete_link(self, username: str, url: str) -> None:
        normalized = normalize_url(url)
        with self._store.transaction() as transaction:
            transaction.release(username)
            link = transaction.lock(username, normalized)
            transaction.delete(username, link)
            transaction.publish(events.link_event(events.DELETED, username, link))

    def get_tags(self, username: str) -> list[TagCount]:
        return self._store.get_tags(username)

    def record_check(self, result: CheckResult) -> None:
        """Stores what a check found, for everybody who saved the URL."""
        status = LinkStatus.VALID if result.outcome == "ok" else LinkStatus.INVALID
        self._store.record_check(normalize_url(result.url), result, status)


def _apply(change: LinkChange, link: Link) -> Link:
    return replace(
        link,
        title=link.title if change.title is None else change.title,
        description=link.description if change.description is None else change.description,
        visibility=change.visibility or link.visibility,
        tags=merge_tags(link.tags, add=change.add_tags, remove=change.remove_tags),
    )
