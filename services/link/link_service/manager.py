"""The use cases of links."""

from collections.abc import Sequence
from dataclasses import replace

from delinkcious.object_model.links import (
    BulkChange,
    BulkResult,
    ChangePage,
    CheckResult,
    Link,
    LinkChange,
    LinkPage,
    LinkQuery,
    LinkStatus,
    Lookup,
    NewLink,
    PublicLink,
    TagPage,
)
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from link_service import bulk, events
from link_service.domain import (
    check_change,
    check_new_link,
    merge_tags,
    normalize_tag_prefix,
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
        if query.tags:
            query = replace(query, tags=normalize_tags(query.tags, "tag"))
        return self._store.get_links(query)

    def add_link(self, username: str, link: NewLink) -> Link:
        normalized = normalize_url(link.url)
        link = check_new_link(link)
        with self._store.change(username) as collection:
            collection.reserve(self._max_links_per_user)
            url = collection.save_url(normalized, link.url)
            link = replace(link, title=link.title or url.title or "")
            added = collection.insert(url.id, link)
            collection.publish(events.link_event(events.ADDED, username, added))
            title_wanted = link.title == "" and url.title is None
            if url.is_new or title_wanted:
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
