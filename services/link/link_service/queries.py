"""The SQL that reads pages of links: one statement for each combination of filters.

The texts are few and stay the same, so Postgres prepares each of them once for a connection. The
rows come out as the JSON of the API, built by Postgres itself.
"""

from functools import lru_cache
from typing import Any, Final

from delinkcious.object_model.links import LinkQuery
from delinkcious.object_model.paging import decode_token

LINK_JSON: Final = """
    (SELECT row_to_json(fields)::text FROM (SELECT
        l.id, l.url, l.title, l.description, l.tags, l.visibility, l.status,
        CASE WHEN l.checked_at IS NOT NULL THEN (
            SELECT row_to_json(last) FROM (SELECT l.outcome, l.http_status, l.checked_at AS at) last
        ) END AS last_check,
        l.created_at, l.updated_at
    ) fields)
"""
"""The JSON of the API from a row of `links` with the columns of its URL, under the name ``l``."""

URL_COLUMNS: Final = "u.status, u.outcome, u.http_status, u.checked_at"

# The page is cut before the JSON is built: Postgres would build it for rows that it then drops.
_PAGE: Final = f"""
    SELECT {LINK_JSON}, (extract(epoch FROM l.created_at) * 1000000)::bigint, l.id
    FROM (
        SELECT l.*, {URL_COLUMNS}
        FROM links l JOIN urls u ON u.id = l.url_id
        WHERE l.username = %(username)s {{filters}}
        ORDER BY l.created_at DESC, l.id DESC
        LIMIT %(limit)s
    ) l
    ORDER BY l.created_at DESC, l.id DESC
"""

_FILTERS: Final = {
    "url_regex": "AND l.url ~* %(url_regex)s",
    "title_regex": "AND l.title ~* %(title_regex)s",
    "description_regex": "AND l.description ~* %(description_regex)s",
    "status": "AND u.status = %(status)s",
    "public_only": "AND l.visibility = 'public'",
    "after_id": """
        AND (l.created_at, l.id)
            < ('epoch'::timestamptz + %(after_time)s * interval '1 microsecond', %(after_id)s)
    """,
}
_HAS_TAG: Final = """
    AND EXISTS (SELECT FROM link_tags t WHERE t.username = l.username AND t.tag = %(tag{n})s
                AND t.created_at = l.created_at AND t.link_id = l.id)
"""


def page_of_links(query: LinkQuery) -> tuple[bytes, dict[str, Any]]:
    """Returns the statement and its parameters; it asks for one row more than the page has, which
    tells whether there is a next page.

    Raises:
        InvalidArgument: the page token is wrong.
    """
    given: dict[str, Any] = {
        "url_regex": query.url_regex,
        "title_regex": query.title_regex,
        "description_regex": query.description_regex,
        "status": query.status.value if query.status else None,
        "public_only": query.public_only or None,
    }
    if query.start_token:
        given["after_time"], given["after_id"] = decode_token(query.start_token, (int, int))
    parameters = {name: value for name, value in given.items() if value is not None}
    statement = _statement(tuple(parameters), len(query.tags))
    parameters |= {f"tag{number}": tag for number, tag in enumerate(query.tags)}
    return statement, {**parameters, "username": query.username, "limit": query.page_size + 1}


@lru_cache(maxsize=256)
def _statement(filters: tuple[str, ...], tags: int) -> bytes:
    conditions = [_FILTERS[name] for name in filters if name in _FILTERS]
    conditions += [_HAS_TAG.replace("{n}", str(number)) for number in range(tags)]
    return _PAGE.format(filters=" ".join(conditions)).encode()
