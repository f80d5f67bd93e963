"""The databases of a running stack, for what would take hours by the API."""

from psycopg.conninfo import make_conninfo

from tests.support.stack import Stack


def database_of(stack: Stack, name: str) -> str:
    """Returns how to connect to one of the platform's databases."""
    server = stack.read()["servers"]["postgres"]
    password = (stack.folder / "secrets" / "postgres-password").read_text().strip()
    return make_conninfo(
        host=server["host"],
        port=server["port"],
        user="postgres",
        password=password,
        dbname=name,
    )
