"""Changes of many links: in batches of one transaction each, with the events of every link."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from delinkcious.errors import InvalidArgument, NotFound
from delinkcious.object_model.links import BulkChange, BulkResult, Link, LinkQuery, TagCount
from link_service import events
from link_service.domain import merge_tags, normalize_tag, normalize_tags
from link_service.ports import LinkStore, LinkTransaction

MAX_LINKS: Final = 1000
"""At most changed by one call."""

_BATCH: Final = 500


def rename_tag(store: LinkStore, username: str, name: str, new_name: str) -> int:
    """Renames a tag on every link; repeating it after an interruption does the rest.

    Raises:
        NotFound: no link of the user has that tag.
        InvalidArgument: the new name is not a tag.
    """
    new = normalize_tag(new_name, "name")
    old = _existing(store, username, name)
    if old.name == new:
        return old.count
    return _change_tag(store, username, old.name, {new})


def delete_tag(store: LinkStore, username: str, name: str) -> int:
    """Takes a tag from every link; repeating it after an interruption does the rest.

    Raises:
        NotFound: no link of the user has that tag.
    """
    return _change_tag(store, username, _existing(store, username, name).name, set())


def change(store: LinkStore, username: str, wanted: BulkChange) -> BulkResult:
    """Changes the links that are named, in one transaction.

    Raises:
        InvalidArgument: nothing to do, links named in two ways, or a wrong query.
    """
    wanted = _checked(wanted)
    with store.change(username) as collection:
        # Only now, for what another change has just taken out of the query is to be left alone.
        ids, token = _named(store, username, wanted)
        links = collection.find_all(ids)
        if wanted.delete:
            return _delete(collection, username, links, token)
        changed = _update(collection, username, _changes(wanted, links))
        checks = collection.request_checks(links) if wanted.check and links else 0
    return BulkResult(
        found=len(links),
        changed=tuple(link.id for link in changed),
        deleted=(),
        checks=checks,
        next_page_token=token,
    )


def _existing(store: LinkStore, username: str, name: str) -> TagCount:
    """Returns the tag of that name. What cannot be a tag is one that nobody has."""
    with suppress(InvalidArgument):
        tag = normalize_tag(name)
        # It comes first of all that begin with it.
        page = store.get_tags(username, prefix=tag, start_token=None, page_size=1)
        if page.tags and page.tags[0].name == tag:
            return page.tags[0]
    raise NotFound.of("name", "none of your links has that tag")


def _change_tag(store: LinkStore, username: str, tag: str, instead: set[str]) -> int:
    """Puts other tags in the place of one, and returns on how many links."""
    number = 0
    while True:
        with store.change(username) as collection:
            links = collection.tagged(tag, _BATCH)
            new = [
                replace(link, tags=tuple(sorted(set(link.tags) - {tag} | instead)))
                for link in links
            ]
            _update(collection, username, list(zip(links, new, strict=True)))
        number += len(links)
        if len(links) < _BATCH:
            return number


def _checked(wanted: BulkChange) -> BulkChange:
    changes = wanted.add_tags or wanted.remove_tags or wanted.visibility
    if (wanted.ids is None) == (wanted.q is None):
        raise InvalidArgument.of("ids", "name the links either by ids or by q")
    if wanted.ids is not None and len(wanted.ids) > MAX_LINKS:
        raise InvalidArgument.of("ids", f"must be at most {MAX_LINKS}")
    if wanted.ids is not None and wanted.start_token is not None:
        raise InvalidArgument.of("start_token", "goes with q, not with ids")
    if not (changes or wanted.delete or wanted.check):
        raise InvalidArgument.of("body", "must say what to do: give a change, delete or check")
    if wanted.delete and (changes or wanted.check):
        raise InvalidArgument.of("delete", "goes with nothing else")
    return replace(
        wanted,
        add_tags=normalize_tags(wanted.add_tags, "add_tags"),
        remove_tags=normalize_tags(wanted.remove_tags, "remove_tags"),
    )


def _named(store: LinkStore, username: str, wanted: BulkChange) -> tuple[Sequence[int], str | None]:
    if wanted.ids is not None:
        return wanted.ids, None
    query = LinkQuery(username, q=wanted.q, start_token=wanted.start_token, page_size=MAX_LINKS)
    page = store.get_links(query)
    return [link.id for link in page.links], page.next_page_token


def _delete(
    collection: LinkTransaction, username: str, links: Sequence[Link], token: str | None
) -> BulkResult:
    if links:
        collection.delete(links)
    collection.publish(*(events.link_event(events.DELETED, username, link) for link in links))
    return BulkResult(len(links), (), tuple(link.id for link in links), 0, token)


def _changes(wanted: BulkChange, links: Sequence[Link]) -> list[tuple[Link, Link]]:
    """Returns the links that are not yet as wanted, as they are and as they are to be."""
    pairs = [
        (
            link,
            replace(
                link,
                visibility=wanted.visibility or link.visibility,
                tags=merge_tags(link.tags, add=wanted.add_tags, remove=wanted.remove_tags),
            ),
        )
        for link in links
    ]
    return [(old, new) for old, new in pairs if old != new]


def _update(
    collection: LinkTransaction, username: str, pairs: Sequence[tuple[Link, Link]]
) -> list[Link]:
    changed = collection.update(pairs) if pairs else []
    collection.publish(*(events.link_event(events.UPDATED, username, link) for link in changed))
    return changed
