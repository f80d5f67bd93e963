"""Changes of many links: in batches of one transaction each, with the events of every link."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from delinkcious.errors import InvalidArgument, NotFound
from delinkcious.object_model.links import BulkChange, BulkResult, Link, LinkQuery
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
    new = _tag("name", new_name)

    def rename(tags: set[str], old: str) -> set[str]:
        return (tags - {old}) | {new}

    return _change_tag(store, username, name, rename, unchanged=new)


def delete_tag(store: LinkStore, username: str, name: str) -> int:
    """Takes a tag from every link; repeating it after an interruption does the rest.

    Raises:
        NotFound: no link of the user has that tag.
    """
    return _change_tag(store, username, name, lambda tags, old: tags - {old})


def change(store: LinkStore, username: str, wanted: BulkChange) -> BulkResult:
    """Changes the links that are named, in one transaction.

    Raises:
        InvalidArgument: nothing to do, links named in two ways, or a wrong query.
    """
    wanted = _checked(wanted)
    ids, token = _named(store, username, wanted)
    with store.change(username) as collection:
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


def _change_tag(
    store: LinkStore,
    username: str,
    name: str,
    change_tags: Callable[[set[str], str], set[str]],
    *,
    unchanged: str | None = None,
) -> int:
    tag, number = _tag("name", name), 0
    if tag == unchanged:
        return number
    while True:
        with store.change(username) as collection:
            links = collection.tagged(tag, _BATCH)
            new = [
                replace(link, tags=tuple(sorted(change_tags(set(link.tags), tag))))
                for link in links
            ]
            _update(collection, username, list(zip(links, new, strict=True)))
        number += len(links)
        if len(links) < _BATCH:
            break
    if number == 0:
        raise NotFound("None of your links has that tag.")
    return number


def _tag(field: str, name: str) -> str:
    try:
        return normalize_tag(name)
    except InvalidArgument as error:
        raise InvalidArgument.of(field, error.violations[0].detail) from None


def _checked(wanted: BulkChange) -> BulkChange:
    changes = wanted.add_tags or wanted.remove_tags or wanted.visibility
    if (wanted.ids is None) == (wanted.q is None):
        raise InvalidArgument.of("ids", "name the links either by ids or by q")
    if wanted.ids is not None and len(wanted.ids) > MAX_LINKS:
        raise InvalidArgument.of("ids", f"must be at most {MAX_LINKS}")
    if not (changes or wanted.delete or wanted.check):
        raise InvalidArgument("There is nothing to do: give a change, delete or check.")
    if wanted.delete and (changes or wanted.check):
        raise InvalidArgument.of("delete", "goes with nothing else")
    return replace(
        wanted,
        add_tags=normalize_tags(wanted.add_tags),
        remove_tags=normalize_tags(wanted.remove_tags),
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
