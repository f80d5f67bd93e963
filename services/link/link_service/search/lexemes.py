"""The lexemes of the search index: how words and facts about a link are spelled in it.

Every lexeme begins with a short hash of the user's name, so that one index over the links of all
users is, for a query, the index of one user (ADR-0020). Words consist of letters, digits and marks;
lexemes of facts have a sign before them and so never look like words.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from delinkcious.object_model.links import Visibility

UNTAGGED: Final = "!untagged"


@lru_cache(maxsize=10_000)
def owner_prefix(username: str) -> str:
    """Returns the beginning, always 4 characters, of the lexemes of a user's links.

    Two users may share it: it narrows a search down, and the user's name in the SQL decides.
    """
    return urlsafe_b64encode(blake2b(username.encode(), digest_size=3).digest()).decode()


def tag_lexeme(name: str) -> str:
    """Returns the lexeme of links with this tag."""
    return f"#{name}"


def site_lexeme(host: str) -> str:
    """Returns the lexeme of links to this host, and to hosts below it."""
    return f"@{host}"


def visibility_lexeme(visibility: Visibility) -> str:
    """Returns the lexeme of public links, or of private ones."""
    return f"!{visibility.value}"


def quoted(lexeme: str) -> str:
    """Returns a lexeme as it is written in a tsvector or tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
