"""The SQL that reads pages of links: one statement for each combination of filters.

The texts are few and stay the same, so Postgres prepares each of them once for a connection. The
rows come out as the JSON of the API, built by Postgres itself.
"""

from typing import Any, Final

from delinkcious.object_model.links import LinkQuery
from delinkcious.object_model.paging import decode_token

LINK_JSON: Final = """
    json_build_object(
        'id', l.id, 'url', l.url, 'title', l.title, 'description', l.description, 'tags', l.tags,
        'visibility', l.visibility, 'status', u.status,
        'last_check', CASE WHEN u.checked_at IS NOT NULL THEN json_build_object(
            'outcome', u.outcome, 'http_status', u.http_status, 'at', u.checked_at) END,
        'created_at', l.created_at, 'updated_at', l.updated_at
    )::text
"""

_PAGE: Final = f"""
    SELECT {LINK_JSON}, (extract(epoch FROM l.created_at) * 1000000)::bigint, l.id
    FROM links l JOIN urls u ON u.id = l.url_id
    WHERE l.username = %(username)s {{filters}}
    ORDER BY l.created_at DESC, l.id DESC
    LIMIT %(limit)s
"""

_HAS_TAG: Final = """
    AND EXISTS (SELECT FROM link_tags t WHERE t.username = l.username AND t.tag = %(tag{n})s
                AND t.created_at = l.created_at AND t.link_id = l.id)
"""
_AFTER: Final = """
    AND (l.created_at, l.id)
        < ('epoch'::timestamptz + %(after_time)s * interval '1 microsecond', %(after_id)s)
"""


def page_of_links(query: LinkQuery) -> tuple[str, dict[str, Any]]:
    """Returns the statement and its parameters; it asks for one row more than the page has, which
    tells whether there is a next page.

    Raises:
        InvalidArgument: the page token is wrong.
    """
    filters: list[str] = []
    parameters: dict[str, Any] = {"username": query.username, "limit": query.page_size + 1}
    for column in ("url", "title", "description"):
        if regex := getattr(query, f"{column}_regex"):
            filters.append(f"AND l.{column} ~* %({column}_regex)s")
            parameters[f"{column}_regex"] = regex
    for number, tag in enumerate(query.tags):
        filters.append(_HAS_TAG.replace("{n}", str(number)))
        parameters[f"tag{number}"] = tag
    if query.status:
        filters.append("AND u.status = %(status)s")
        parameters["status"] = query.status.value
    if query.public_only:
        filters.append("AND l.visibility = 'public'")
    if query.start_token:
        filters.append(_AFTER)
        time, id_ = decode_token(query.start_token, (int, int))
        parameters |= {"after_time": time, "after_id": id_}
    return _PAGE.format(filters=" ".join(filters)), parameters
