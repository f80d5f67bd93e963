"""The command ``audit``: what operators see of the trail, of everybody and of nobody.

It reads, and changes nothing. What concerns no account, such as a refused call, is seen here alone.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from re import fullmatch
from typing import Any, Final

import orjson
from psycopg.rows import dict_row

from delinkcious.audit import Action
from delinkcious.database import Database
from delinkcious.errors import Unavailable
from delinkcious.service import Command, Runtime, StartError
from user_service.config import UserSettings

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SELECT: Final = """
    SELECT * FROM audit
    WHERE at > %(since)s AND (%(user)s::text IS NULL OR username = %(user)s)
        AND (NOT %(nobody)s OR username IS NULL)
        AND (%(action)s::text IS NULL OR action = %(action)s)
    ORDER BY at DESC, id DESC LIMIT %(limit)s
"""


def audit(runtime: Runtime[UserSettings], given: Namespace) -> None:
    """Show what the audit trail has, newest first."""
    database = Database("user-db", runtime.settings.user_db)
    try:
        show(database, given)
    except Unavailable as error:
        raise StartError(error.detail) from None
    finally:
        database.close()


def show(database: Database, given: Namespace) -> None:
    """Prints the entries that are asked for, a line each."""
    for entry in _entries(database, given):
        print(orjson.dumps(entry).decode() if given.json else _line(entry))


def _entries(database: Database, given: Namespace) -> Iterator[dict[str, Any]]:
    which = {
        "user": given.user and given.user.lower(),
        "nobody": given.nobody,
        "action": given.action,
        "since": datetime.now(UTC) - given.newer_than,
        "limit": given.limit,
    }
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        yield from cursor.execute(_SELECT, which)


def _line(entry: Mapping[str, Any]) -> str:
    details = {name: value for name, value in entry["details"].items() if value is not None}
    if entry["token_name"]:
        details["token"] = entry["token_name"]
    shown = (
        entry["at"].isoformat(timespec="seconds"),
        entry["service"],
        entry["action"],
        entry["outcome"],
        entry["username"] or "-",
        entry["address"] or "-",
        " ".join(f"{name}={value}" for name, value in details.items()),
    )
    return "  ".join(shown).rstrip()


def _age(text: str) -> timedelta:
    if found := fullmatch(r"(\d{1,6})([smhd])", text):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise ArgumentTypeError("must be a number and s, m, h or d, such as 2h")


def arguments(parser: ArgumentParser) -> None:
    """Adds what says which entries to show."""
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", help="whose account")
    whose.add_argument("--nobody", action="store_true", help="what concerns no account")
    parser.add_argument("--action", choices=list(Action), help="what was done")
    parser.add_argument("--newer-than", type=_age, default=timedelta(days=1), metavar="AGE")
    parser.add_argument("--limit", type=int, default=1000, help="how many at most")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")


AUDIT: Final = Command[UserSettings](arguments, audit)
