"""Connections of one client, which must not be so many that nobody else gets one.

A connection costs a client nothing, and Granian takes only so many: whoever opens that many, and
says nothing on them, keeps all others out, and may come again when they are closed. So a thread
looks at them several times a second, and of a client who has too many it ends those that were
answered the longest ago, or never (ADR-0051).

Who does not come near that many costs no more than to count this process's open files.
"""

import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from heapq import nlargest
from typing import Final

import structlog
from prometheus_client import Counter

from delinkcious.http.connections import Seen, open_files, seen_at

logger = structlog.get_logger()

_LOOK: Final = 0.25

ENDED: Final = Counter(
    "delinkcious_surplus_connections_total",
    "Connections that were ended because their client had too many.",
)


class Crowds:
    """Ends the connections that one client has too many.

    Args:
        port: where our server listens.
        each: how many one client may have.
        client: says who is at an address; None for who may have as many as they like.
    """

    def __init__(self, port: int, each: int, client: Callable[[str], str | None]) -> None:
        self._port = port
        self._each = each
        self._client = client

    def start(self) -> None:
        """Begins to look. On Linux only; elsewhere a client may have all there are."""
        if sys.platform == "linux":
            threading.Thread(target=self._watch, name="crowds", daemon=True).start()

    def look(self) -> None:
        """Looks at all connections, if there may be too many of anybody."""
        if open_files() <= self._each:
            return
        by_client: dict[str, list[Seen]] = defaultdict(list)
        for seen in seen_at(self._port):
            client = self._client(seen.client[0])
            if client is not None:
                by_client[client].append(seen)
        _end([each for all_ in by_client.values() for each in self._surplus(all_)])

    def _surplus(self, connections: list[Seen]) -> list[Seen]:
        number = max(0, len(connections) - self._each)
        return nlargest(number, connections, key=lambda seen: seen.unanswered)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK):
            try:
                self.look()
            except Exception:
                logger.exception("crowds_not_seen")


def _end(connections: list[Seen]) -> None:
    if not connections:
        return
    for connection in connections:
        connection.end()
    ENDED.inc(len(connections))
    logger.warning("surplus_connections_ended", number=len(connections))
