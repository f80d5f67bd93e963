"""The worker: requests to check a URL in, what was found out."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Self

from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import EventPublisher
from link_checker.domain import Finding
from link_checker.events import CheckRequest, checked_on_request
from link_checker.ports import LinkChecker


class CheckRequests:
    """Handles ``links.check.requested``."""

    def __init__(
        self, check: Callable[[str, bool], Awaitable[Finding]], publisher: EventPublisher
    ) -> None:
        self._check = check
        self._publisher = publisher

    async def handle(self, event: Event) -> None:
        """Checks the URL, and returns when the broker holds the result."""
        request = CheckRequest.of(event)
        finding = await self._check(request.url, request.title_wanted)
        await self._publisher.publish([checked_on_request(event, request, finding)])


class CheckPool:
    """Runs checks in threads of its own, so many at a time.

    Threads, because each check then has its own libcurl: in a shared one, the names of a server
    that does not answer would keep all others waiting (libcurl resolves 20 at a time).

    Args:
        stop: what the checker watches; set at the end, for the checks that nobody waits for.
    """

    def __init__(self, checker: LinkChecker, concurrency: int, stop: threading.Event) -> None:
        self._checker = checker
        self._executor = ThreadPoolExecutor(concurrency, thread_name_prefix="check")
        self._stop = stop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._executor.shutdown(cancel_futures=True)

    async def check(self, url: str, title_wanted: bool = False) -> Finding:
        """Checks a URL in the caller's context, and so in its span."""
        check = partial(self._checker.check, url, title_wanted=title_wanted)
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, copy_context().run, check
        )
