"""The tsvector of a link: what the search index holds of it.

It is made here, not by ``to_tsvector``, so that words are cut the same way whatever the locale and
the extensions of the database (ADR-0020).
"""

from collections.abc import Iterator
from typing import Final

from delinkcious.object_model.links import Visibility
from link_service.search.hosts import domains, host_of
from link_service.search.lexemes import (
    UNTAGGED,
    owner_prefix,
    quoted,
    site_lexeme,
    tag_lexeme,
    visibility_lexeme,
)
from link_service.search.nodes import Field
from link_service.text import url_words, words

MAX_POSITION: Final = 16_383
"""Postgres knows no higher position in a tsvector. Words beyond it are not found."""

MAX_POSITIONS: Final = 255
"""Positions that a tsvector keeps of one word. Phrases with its later occurrences are not found."""


def search_vector(
    username: str,
    *,
    url: str,
    title: str,
    description: str,
    tags: tuple[str, ...],
    visibility: Visibility,
) -> str:
    """Returns the tsvector of a user's link, as a literal.

    Raises:
        InvalidArgument: ``url`` is not a URL that a link may have.
    """
    prefix = owner_prefix(username)
    places = _places(texts(url=url, title=title, description=description, tags=tags))
    found = [f"'{prefix}{word}':{','.join(at)}" for word, at in places.items()]
    found += [quoted(prefix + fact) for fact in _facts(url, tags, visibility)]
    return " ".join(found)


def texts(
    *, url: str, title: str, description: str, tags: tuple[str, ...]
) -> Iterator[tuple[Field, list[str]]]:
    """Yields the words of each text of a link. No phrase reaches from one text into another.

    The description comes last: it is what may be cut off at `MAX_POSITION`.
    """
    yield Field.TITLE, words(title)
    yield Field.URL, url_words(url)
    for tag in tags:
        yield Field.TAGS, words(tag)
    yield Field.DESCRIPTION, words(description)


def _places(searched: Iterator[tuple[Field, list[str]]]) -> dict[str, list[str]]:
    """Returns the positions of each word, with their weights."""
    places: dict[str, list[str]] = {}
    position = 1
    for field, found in searched:
        weight = field.value
        for word in found[: max(0, MAX_POSITION + 1 - position)]:
            at = places.setdefault(word, [])
            if len(at) < MAX_POSITIONS:
                at.append(f"{position}{weight}")
            position += 1
        position += 1  # a gap, which no phrase crosses
    return places


def _facts(url: str, tags: tuple[str, ...], visibility: Visibility) -> Iterator[str]:
    """Yields the lexemes of what can be searched beside words."""
    yield from map(tag_lexeme, tags)
    if not tags:
        yield UNTAGGED
    yield from map(site_lexeme, domains(host_of(url)))
    yield visibility_lexeme(visibility)
