"""Runs the link service: ``python -m link_service serve | work | migrate``."""

import asyncio

from delinkcious.auth import MutualAuth
from delinkcious.database import AsyncDatabase, Database
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.consumer import Consumer
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.outbox import Relay
from delinkcious.service import Runtime, run
from link_service import events
from link_service.config import LinkSettings
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
    settings = runtime.settings
    manager = _manager(runtime)

    async def record_check(event: Event) -> None:
        await asyncio.to_thread(manager.record_check, events.to_check_result(event.data))

    async with (
        AsyncDatabase("link-db", settings.link_db) as database,
        Broker(settings.nats.host, settings.nats.port, settings.service_name) as broker,
    ):
        runtime.health.add("nats", broker.check)
        relay = Relay(database.pool, Publisher(broker), events.SOURCE)
        checks = Consumer(
            broker, stream=LINKS, name="link-checks", subjects=[events.CHECKED], handle=record_check
        )
        await runtime.run_until_stopped(relay.run, checks.run)


def migrate(runtime: Runtime[LinkSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    from delinkcious.migrations import (
        migrate as bring_up_to_date,
    )  # only here SQLAlchemy is paid for
    from link_service import migrations

    bring_up_to_date(runtime.settings.link_db, migrations)


if __name__ == "__main__":
    run(LinkSettings, roles={"serve": serve, "work": work}, commands={"migrate": migrate})
