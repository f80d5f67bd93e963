"""Whose turn it is: so many checks at once, and of each host only a few, with a pause between.

Who waits for a host that is busy takes no thread from the others. The limits are those of one
process; how many checks of a host are on their way at all, the link service limits. They hold for
the host of the URL: where redirects lead is not known before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final

from prometheus_client import Gauge, Histogram

from delinkcious.errors import InvalidArgument, Unavailable
from link_checker.domain import Finding
from link_checker.urls import WebUrl

Check = Callable[[str, bool], Awaitable[Finding]]
Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""

PATIENCE: Final = 20.0
"""Seconds; an event that is worked on for a minute counts as failed, and waiting is no failure."""

WAITED: Final = Histogram(
    "delinkcious_link_check_host_wait_seconds",
    "Time that a check waited for its host, and for a thread.",
    buckets=(0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
WAITING: Final = Gauge(
    "delinkcious_link_checks_waiting", "Checks that wait for their host, or for a thread."
)


@dataclass(slots=True)
class _Host:
    """A host that checks wait for, are at, or left a moment ago: so many are the guests."""

    places: asyncio.Semaphore
    guests: int = 0


class Turns:
    """Checks that wait for their turn.

    Args:
        check: what is done when it has come.
        at_once: how many checks are made at the same time,
        per_host: and how many of one host.
        pause: seconds for which the place of a check stays taken when it has ended.
        patience: seconds to wait for a turn.
        later: the event loop's own by default.
    """

    def __init__(
        self,
        check: Check,
        *,
        at_once: int,
        per_host: int,
        pause: float,
        patience: float = PATIENCE,
        later: Later | None = None,
    ) -> None:
        self._check = check
        self._places = asyncio.Semaphore(at_once)
        self._per_host = per_host
        self._pause = pause
        self._patience = patience
        self._later = later or _later
        self._hosts: dict[str, _Host] = {}

    @property
    def hosts(self) -> set[str]:
        """The hosts that checks are at, wait for, or left a moment ago."""
        return set(self._hosts)

    async def check(self, url: str, title_wanted: bool = False) -> Finding:
        """Checks a URL in its turn.

        Raises:
            Unavailable: it did not come, and is to be waited for again.
        """
        try:
            host = WebUrl.parse(url).authority
        except InvalidArgument:
            return await self._check(url, title_wanted)  # which asks nobody
        await self._enter(host)
        try:
            return await self._check(url, title_wanted)
        finally:
            self._places.release()
            self._later(self._pause, partial(self._vacate, host))

    async def _enter(self, name: str) -> None:
        host = self._hosts.setdefault(name, _Host(asyncio.Semaphore(self._per_host)))
        host.guests += 1
        started = perf_counter()
        try:
            with WAITING.track_inprogress():
                async with asyncio.timeout(self._patience):
                    await self._acquire(host)
        except BaseException as error:
            self._forget(name)
            if isinstance(error, TimeoutError):
                raise Unavailable(f"{name} is busy.") from None
            raise
        WAITED.observe(perf_counter() - started)

    async def _acquire(self, host: _Host) -> None:
        await host.places.acquire()
        try:
            await self._places.acquire()
        except BaseException:
            host.places.release()
            raise

    def _vacate(self, name: str) -> None:
        self._hosts[name].places.release()
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Keeps no memory of a host that nobody is at, or waits for."""
        self._hosts[name].guests -= 1
        if not self._hosts[name].guests:
            del self._hosts[name]


def _later(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)
