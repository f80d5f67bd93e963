"""Runs the link service: ``python -m link_service serve | work | migrate``."""

import asyncio

from delinkcious.auth import MutualAuth
from delinkcious.database import Database
from delinkcious.messaging.event import Event
from delinkcious.messaging.streams import LINKS
from delinkcious.service import Runtime, run
from delinkcious.worker import Outbox, Subscription, run_worker
from link_service.config import LinkSettings
from link_service.events import CHECKED, to_check_result
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore


def _manager(runtime: Runtime[LinkSettings]) -> LinkManager:
    database = Database("link-db", runtime.settings.link_db)
    runtime.health.add("link-db", database.check)
    return LinkManager(PostgresLinkStore(database), runtime.settings.max_links_per_user)


def serve(runtime: Runtime[LinkSettings]) -> None:
    """Answer requests."""
    app = create_link_app(_manager(runtime), MutualAuth.from_settings(runtime.settings))
    runtime.serve_http(app, threads=runtime.settings.server_threads)


async def work(runtime: Runtime[LinkSettings]) -> None:
    """Publish the outbox, and take in the results of checks."""
    manager = _manager(runtime)

    async def record_check(event: Event) -> None:
        await asyncio.to_thread(manager.record_check, to_check_result(event.data))

    await run_worker(
        runtime,
        nats=runtime.settings.nats,
        outbox=Outbox("link-db", runtime.settings.link_db),
        subscriptions=[Subscription(LINKS, "link-checks", [CHECKED], record_check)],
    )


def migrate(runtime: Runtime[LinkSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    runtime.migrate(runtime.settings.link_db, "link_service.migrations")


if __name__ == "__main__":
    run(LinkSettings, roles={"serve": serve, "work": work}, commands={"migrate": migrate})
