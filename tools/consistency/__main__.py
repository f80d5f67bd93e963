"""``python -m tools.consistency``: prints what differs in a running local stack.

It ends with 0 if nothing differs, with 1 if something does, and with 2 if there is no stack.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import make_conninfo

from delinkcious.clients.news import NewsClient
from delinkcious.config import Address
from delinkcious.grpc.client import GrpcClient
from delinkcious.object_model.news import NewsManager
from delinkcious.tls import tls
from tools.consistency import databases, feeds
from tools.local_stack.certificates import Certificates

DATABASES: Final = ("link_manager", "social_graph_manager", "user_manager")
_FEED_CAP: Final = 1000
_NO_STACK: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """Checks the stack of a folder and returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        findings = differences(options.folder, options.since)
    except FileNotFoundError:
        print(f"no stack runs in {options.folder}: start it with make run", file=sys.stderr)
        return _NO_STACK
    for finding in findings:
        print(finding)
    print(f"{len(findings)} differences", file=sys.stderr)
    return 1 if findings else 0


def differences(folder: Path, since: datetime | None = None) -> list[str]:
    """Returns what differs in the stack of a folder, a line each.

    Args:
        since: when Redis lost everything, if it did.

    Raises:
        FileNotFoundError: no stack runs there.
    """
    stack: dict[str, Any] = json.loads((folder / "stack.json").read_text())
    known = {name: _database(folder, stack, name) for name in DATABASES}
    return compare(known, _news(folder, stack), since)


def compare(
    known: Mapping[str, str], news: NewsManager, since: datetime | None = None
) -> list[str]:
    """Returns what differs between databases and news, a line each.

    Args:
        known: how to connect to each database, by its name.
        since: when Redis lost everything, if it did.
    """
    return [*databases.check(known), *feeds.check(known, news, since=since, cap=_FEED_CAP)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tools.consistency", description="Compare the stores of a running local stack."
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(os.environ.get("DELINKCIOUS_LOCAL_DIR") or ".local"),
        help="of the stack (default: %(default)s)",
    )
    parser.add_argument(
        "--since",
        type=datetime.fromisoformat,
        help="when Redis lost everything, with its offset; changes before that need not be in news",
    )
    return parser


def _database(folder: Path, stack: dict[str, Any], name: str) -> str:
    server = stack["servers"]["postgres"]
    password = (folder / "secrets" / "postgres-password").read_text().strip()
    return make_conninfo(
        host=server["host"],
        port=server["port"],
        user="postgres",
        password=password,
        dbname=name,
    )


def _news(folder: Path, stack: dict[str, Any]) -> NewsClient:
    """Asks as the gateway, whose secret the stack's folder holds."""
    secrets = json.loads((folder / "secrets" / "mutual-auth-api-gateway.yaml").read_text())
    port = next(
        process["port"]
        for process in stack["processes"]
        if (process["name"], process["role"]) == ("news-manager", "serve")
    )
    address, token = Address("127.0.0.1", port), secrets["news-manager"]
    certificates = Certificates(folder / "tls")
    encrypted = tls(certificates.files("api-gateway") if certificates.exist else None)
    return NewsClient(GrpcClient("news-manager", address, token=token, tls=encrypted))


if __name__ == "__main__":
    sys.exit(main())
