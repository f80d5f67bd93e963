"""The SQL that reads pages of links: one statement for each combination of filters.

The texts are few and stay the same, so Postgres prepares each of them once for a connection. The
rows come out as the JSON of the API, built by Postgres itself. How each is served, and by which
index, is told in docs/search.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import LinkQuery, Sort, Visibility
from delinkcious.object_model.paging import Key, decode_token, encode_token
from link_service import search
from link_service.search import Condition, Node
from link_service.search.nodes import And, HasStatus, HasVisibility, Tagged

LINK_JSON: Final = """(
    '{"id":' || l.id
    || ',"url":' || json_scalar(l.url)
    || ',"title":' || json_scalar(l.title)
    || ',"description":' || json_scalar(l.description)
    || ',"tags":' || array_to_json(l.tags)
    || ',"visibility":' || json_scalar(l.visibility)
    || ',"status":' || json_scalar(l.status)
    || ',"last_check":' || CASE WHEN l.checked_at IS NULL THEN 'null' ELSE
        '{"outcome":' || coalesce(json_scalar(l.outcome)::text, 'null')
        || ',"http_status":' || coalesce(l.http_status::text, 'null')
        || ',"at":' || json_scalar(l.checked_at)
        || ',"attempts":' || l.attempts || '}'
    END
    || ',"created_at":' || json_scalar(l.created_at)
    || ',"updated_at":' || json_scalar(l.updated_at) || '}'
)"""
"""The JSON of the API from a row of `links` with the columns of its URL, under the name ``l``.

Written out, because `row_to_json` looks up the type of each value again for each row: a sixth of
what a page costs Postgres.
"""

URL_COLUMNS: Final = "u.outcome, u.http_status, u.checked_at, u.attempts"

WALK: Final = 1000
"""How many of the first links are looked through before an index is asked for all that match."""


_FIRST_DAY: Final = datetime(1, 1, 1, tzinfo=UTC)


def time_key(at: datetime) -> int:
    """Returns what stands for a time in a page token: microseconds since the first day that there
    is, for links may be older than computers.
    """
    return (at - _FIRST_DAY) // timedelta(microseconds=1)


def _time(key: Key) -> datetime:
    try:
        return _FIRST_DAY + timedelta(microseconds=int(key))
    except OverflowError:
        raise _wrong_token() from None


@dataclass(frozen=True, slots=True)
class _Column:
    """What a list is sorted by: the column, and how its values get into a page token and back.

    Attributes:
        in_json: whether the value is also in the JSON of the link.
    """

    name: str
    from_key: Callable[[Key], datetime | str]
    type: type[Key]
    in_json: bool


_COLUMNS: Final[Mapping[Sort, _Column]] = {
    Sort.CREATED: _Column("created_at", _time, int, in_json=True),
    Sort.UPDATED: _Column("updated_at", _time, int, in_json=True),
    Sort.TITLE: _Column("title_key", str, str, in_json=False),
}

# Whichever way the rows are found, the page is cut before JSON is built: Postgres would build it
# for rows that it then drops.
_PAGE: Final = """
    SELECT {link} {key}
    FROM ({rows}) l
    ORDER BY {shown}
"""

# In the order of an index, until the page is full.
_IN_ORDER: Final = f"""
    SELECT l.*, {URL_COLUMNS} FROM links l JOIN urls u ON u.id = l.url_id
    WHERE l.username = %(username)s {{after}} {{conditions}}
    ORDER BY {{order}} LIMIT %(limit)s
"""

# The links of one tag are kept in their order.
_OF_TAG: Final = f"""
    SELECT l.*, {URL_COLUMNS}
    FROM link_tags t JOIN links l ON l.id = t.link_id JOIN urls u ON u.id = l.url_id
    WHERE t.username = %(username)s AND t.tag = %(tag)s {{after}} {{conditions}}
    ORDER BY {{order}} LIMIT %(limit)s
"""

# What many links match is found among the first; what few match, in the index, which knows no
# order. OFFSET 0 keeps Postgres from reading the user's whole collection beside that index.
_SEARCH: Final = f"""
    WITH walk AS MATERIALIZED (
        SELECT l.id FROM (
            SELECT * FROM links l WHERE l.username = %(username)s {{after}}
            ORDER BY {{order}} LIMIT %(walk)s
        ) l
        WHERE true {{conditions}} ORDER BY {{order}} LIMIT %(limit)s
    ),
    found AS (
        SELECT l.id FROM (SELECT * FROM links l WHERE true {{conditions}} OFFSET 0) l
        WHERE (SELECT count(*) FROM walk) < %(limit)s AND l.username = %(username)s {{after}}
        ORDER BY {{order}} LIMIT %(limit)s
    ),
    page AS (
        SELECT id FROM walk WHERE (SELECT count(*) FROM walk) = %(limit)s
        UNION ALL SELECT id FROM found
    )
    SELECT l.*, {URL_COLUMNS}
    FROM page JOIN links l ON l.id = page.id JOIN urls u ON u.id = l.url_id
"""

_FILTERS: Final = {
    "url_regex": "AND l.url ~* %(url_regex)s",
    "title_regex": "AND l.title ~* %(title_regex)s",
    "description_regex": "AND l.description ~* %(description_regex)s",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A query of Postgres, with its parameters by name."""

    sql: bytes
    parameters: Mapping[str, Any]


def page_of_links(query: LinkQuery) -> Statement:
    """Returns the statement that reads a page; it asks for one row more than the page has, which
    tells whether there is a next page.

    Raises:
        InvalidArgument: the query or the page token is wrong.
    """
    tag, condition = _condition(query)
    limit = query.page_size + 1
    parameters = {name: getattr(query, name) for name in _FILTERS if getattr(query, name)}
    parameters |= {"username": query.username, "limit": limit, "walk": WALK + limit}
    if tag is not None:
        parameters["tag"] = tag
    if query.start_token:
        key, parameters["after_id"] = decode_page_token(query)
        parameters["after_key"] = _COLUMNS[query.sort].from_key(key)
    statement = _statement(
        _way(tag, condition),
        condition.sql if condition else "",
        tuple(name for name in _FILTERS if name in parameters),
        query.sort,
        descending=query.descending,
        goes_on=bool(query.start_token),
    )
    if condition:
        parameters |= condition.parameters
    return Statement(statement, parameters)


def page_token(query: LinkQuery, *key: Key) -> str:
    """Returns the token of the page that begins after a row with this sort key and id."""
    return encode_token(_list_name(query), *key)


def token_after(query: LinkQuery, row: Sequence[str]) -> str:
    """Returns the token of the page that begins after a row of `page_of_links`. Only the last row
    of a page is asked, so its key is worked out here and not for each of them in Postgres.
    """
    column, fields = _COLUMNS[query.sort], orjson.loads(row[0])
    if column.in_json:
        key: Key = time_key(datetime.fromisoformat(fields[column.name]))
    else:
        key = row[1]
    return page_token(query, key, fields["id"])


def decode_page_token(query: LinkQuery) -> tuple[Key, ...]:
    """Returns the sort key and the id after which the page begins.

    Raises:
        InvalidArgument: the token is of another list, or none of ours.
    """
    kinds = (str, _COLUMNS[query.sort].type, int)
    name, *key = decode_token(query.start_token or "", kinds)
    if name != _list_name(query):
        raise _wrong_token()
    return tuple(key)


def _wrong_token() -> InvalidArgument:
    return InvalidArgument.of("start_token", "is not a page token of this list")


def _list_name(query: LinkQuery) -> str:
    return f"{query.sort}-{'desc' if query.descending else 'asc'}"


def _condition(query: LinkQuery) -> tuple[str | None, Condition | None]:
    """Returns the tag whose links are to be looked through, if that is the best way, and what else
    has to hold.
    """
    node = asked_for(query)
    if node is None:
        return None, None
    tags, rest = search.lift_tags(node)
    if len(tags) == 1 and query.sort is Sort.CREATED:
        condition = search.condition(rest, query.username) if rest else None
        if condition is None or not condition.indexable:
            return tags[0], condition
    return None, search.condition(node, query.username)


def asked_for(query: LinkQuery) -> Node | None:
    """Returns everything that a query asks for but regular expressions; None if that is all.

    Raises:
        InvalidArgument: the text of the query is wrong.
    """
    parts: list[Node] = [Tagged(tag) for tag in query.tags]
    if query.q is not None:
        parts.append(search.parse(query.q))
    if query.status:
        parts.append(HasStatus(query.status))
    if query.public_only:
        parts.append(HasVisibility(Visibility.PUBLIC))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _way(tag: str | None, condition: Condition | None) -> str:
    if tag is not None:
        return _OF_TAG
    return _SEARCH if condition is not None and condition.indexable else _IN_ORDER


@lru_cache(maxsize=1024)
def _statement(
    way: str,
    condition: str,
    filters: tuple[str, ...],
    sort: Sort,
    *,
    descending: bool,
    goes_on: bool,
) -> bytes:
    column = _COLUMNS[sort]
    direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
    order = f"l.{column.name} {direction}, l.id {direction}"
    after = f"AND (l.{column.name}, l.id) {beyond} (%(after_key)s, %(after_id)s)"
    conditions = [_FILTERS[name] for name in filters]
    if condition:
        conditions.append(f"AND ({condition})")
    if way is _OF_TAG:
        order = order.replace("l.created_at", "t.created_at").replace("l.id", "t.link_id")
        after = after.replace("l.created_at", "t.created_at").replace("l.id", "t.link_id")
    rows = way.format(after=after if goes_on else "", conditions=" ".join(conditions), order=order)
    shown = f"l.{column.name} {direction}, l.id {direction}"
    key = "" if column.in_json else f", l.{column.name}"
    return _PAGE.format(link=LINK_JSON, key=key, rows=rows, shown=shown).encode()
