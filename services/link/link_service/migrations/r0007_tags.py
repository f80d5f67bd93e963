"""Tags without what does not show in them: those of two that look the same become one."""

from typing import Any, Final

from alembic import op
from sqlalchemy import Connection, bindparam, text

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import Visibility
from link_service.domain import INVISIBLE, normalize_tag
from link_service.search import search_vector

revision = "0007"
down_revision = "0006"

_AFFECTED: Final = text("""
    SELECT id, username, url, title, description, tags, visibility FROM links
    WHERE array_to_string(tags, ',') ~ :invisible
""")
_NEXT_VERSION: Final = text(
    "UPDATE collections SET version = version + 1 WHERE username = :username"
)
_UPDATE: Final = text("""
    UPDATE links l SET tags = :tags, search = (:search)::tsvector, version = c.version
    FROM collections c WHERE l.id = :id AND c.username = l.username
""")
_REMOVE: Final = text("DELETE FROM link_tags WHERE link_id = :id")
_ADD: Final = text("""
    INSERT INTO link_tags SELECT username, unnest(tags), created_at, id FROM links WHERE id = :id
""")
_UNCOUNT: Final = text("DELETE FROM tag_counts WHERE username IN :usernames")
_COUNT: Final = text("""
    INSERT INTO tag_counts SELECT username, tag, count(*) FROM link_tags
    WHERE username IN :usernames GROUP BY username, tag
""")


def upgrade() -> None:
    """Changes the links that have such tags, of which there are few if any."""
    connection = op.get_bind()
    links = [dict(row._mapping) for row in connection.execute(_AFFECTED, {"invisible": INVISIBLE})]
    usernames = {link["username"] for link in links}
    if not links:
        return
    connection.execute(_NEXT_VERSION, [{"username": username} for username in usernames])
    for link in links:
        _change(connection, link)
    for statement in (_UNCOUNT, _COUNT):
        expanded = statement.bindparams(bindparam("usernames", expanding=True))
        connection.execute(expanded, {"usernames": list(usernames)})


def _change(connection: Connection, link: dict[str, Any]) -> None:
    number = {"id": link.pop("id")}
    tags = tuple(sorted({name for tag in link.pop("tags") for name in _names(tag)}))
    link["visibility"] = Visibility(link["visibility"])
    search = search_vector(**link, tags=tags)
    connection.execute(_UPDATE, {**number, "tags": list(tags), "search": search})
    connection.execute(_REMOVE, number)
    connection.execute(_ADD, number)


def _names(tag: str) -> list[str]:
    try:
        return [normalize_tag(tag)]
    except InvalidArgument:  # nothing of it shows
        return []
