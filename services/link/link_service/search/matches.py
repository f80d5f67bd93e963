"""A query asked of a link in memory, for the double of the store."""

from delinkcious.object_model.links import Link
from link_service.search.hosts import domains, host_of
from link_service.search.nodes import (
    After,
    And,
    Before,
    HasStatus,
    HasVisibility,
    Node,
    Not,
    Or,
    Site,
    Tagged,
    Untagged,
    Words,
)
from link_service.search.vector import texts


def matches(node: Node, link: Link) -> bool:
    """Tells whether a link matches a query, as Postgres would.

    It differs only where Postgres gives up: see `vector.MAX_POSITION` and `vector.MAX_POSITIONS`.
    """
    match node:
        case And(parts):
            return all(matches(part, link) for part in parts)
        case Or(parts):
            return any(matches(part, link) for part in parts)
        case Not(part):
            return not matches(part, link)
        case Words():
            return _has_words(node, link)
    return _holds(node, link)


def _holds(node: Node, link: Link) -> bool:
    match node:
        case Tagged(name):
            return name in link.tags
        case Untagged():
            return not link.tags
        case Site(host):
            return host in domains(host_of(link.url))
        case HasStatus(status):
            return link.status is status
        case HasVisibility(visibility):
            return link.visibility is visibility
        case Before(moment):
            return link.created_at < moment
        case After(moment):
            return link.created_at >= moment
    raise TypeError(node)


def _has_words(node: Words, link: Link) -> bool:
    searched = texts(url=link.url, title=link.title, description=link.description, tags=link.tags)
    return any(_contains(found, node) for field, found in searched if node.field in {None, field})


def _contains(found: list[str], node: Words) -> bool:
    *first, last = node.words
    size = len(node.words)
    for start in range(len(found) - size + 1):
        *before, end = found[start : start + size]
        if before == first and (end.startswith(last) if node.prefix else end == last):
            return True
    return False
