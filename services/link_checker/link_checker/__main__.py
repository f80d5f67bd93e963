"""Runs the link checker: ``python -m link_checker serve | work | dead-letters``."""

import threading
from collections.abc import Sequence
from typing import Final

from delinkcious.audit.serving import recording
from delinkcious.auth import MutualAuth
from delinkcious.dead_letters import dead_letters
from delinkcious.info import version_of
from delinkcious.live import Live
from delinkcious.messaging.blocking import BlockingPublisher
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.publisher import EventPublisher
from delinkcious.messaging.streams import LINKS
from delinkcious.service import Runtime, run
from delinkcious.worker import Subscription, run_worker
from link_checker.checker import Checker
from link_checker.config import LinkCheckerSettings
from link_checker.events import CHECK_REQUESTED, CONSUMER
from link_checker.fetch import Fetcher
from link_checker.function import LinkCheckFunction
from link_checker.live import LiveLinkCheckerSettings, live_settings
from link_checker.observed import ObservedChecker
from link_checker.ports import LinkChecker
from link_checker.turns import Turns
from link_checker.worker import CheckPool, CheckRequests

_HELD: Final = 8
"""Requests that a worker holds for each check at a time: most may wait for hosts that are busy."""


def _checker(runtime: Runtime[LinkCheckerSettings], stop: threading.Event) -> LinkChecker:
    settings = runtime.settings
    live: Live[LiveLinkCheckerSettings] = runtime.live
    name = settings.service_name
    fetcher = Fetcher(
        lambda: live.current.policy,
        user_agent=f"Mozilla/5.0 (compatible; delinkcious-{name}/{version_of(name)})",
        connect_timeout=settings.link_checker_connect_timeout,
        max_bytes=settings.link_checker_max_bytes,
        stop=stop,
    )
    checker = Checker(
        fetcher,
        timeout=settings.link_checker_timeout,
        max_redirects=settings.link_checker_max_redirects,
        max_page_bytes=settings.link_checker_max_page_bytes,
        titles=lambda: live.current.features.titles,
    )
    return ObservedChecker(checker)


def serve(runtime: Runtime[LinkCheckerSettings]) -> None:
    """Answer requests: the check as an HTTP function."""
    from link_checker.http import create_function_app  # the worker does not pay for Flask

    settings = runtime.settings
    auth = MutualAuth.from_settings(settings)
    publisher = BlockingPublisher(Broker.from_settings(settings))
    runtime.health.add("nats", publisher.check)
    function = LinkCheckFunction(_checker(runtime, threading.Event()), publisher)
    publisher.start()
    try:
        with recording(settings, auth):
            runtime.serve_http(create_function_app(function, auth), threads=settings.server_threads)
    finally:
        publisher.close()


async def work(runtime: Runtime[LinkCheckerSettings]) -> None:
    """Check the URLs that the link service asks about."""
    settings, stop = runtime.settings, threading.Event()
    concurrency = settings.link_checker_concurrency
    held = _HELD * concurrency
    with CheckPool(_checker(runtime, stop), concurrency, stop) as pool:
        turns = Turns(
            pool.check,
            at_once=concurrency,
            per_host=settings.link_checker_host_concurrency,
            pause=settings.link_checker_host_pause,
        )

        def subscriptions(publisher: EventPublisher) -> Sequence[Subscription]:
            handle = CheckRequests(turns.check, publisher).handle
            return [Subscription(LINKS, CONSUMER, [CHECK_REQUESTED], handle, held, held)]

        await run_worker(runtime, subscriptions=subscriptions)


if __name__ == "__main__":
    run(
        LinkCheckerSettings,
        live=live_settings,
        roles={"serve": serve, "work": work},
        commands={"dead-letters": dead_letters([CONSUMER])},
    )
