"""Runs the link service: ``python -m link_service serve | work | migrate | dead-letters``."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Final

from delinkcious.audit.serving import limit_changes, recording
from delinkcious.auth import MutualAuth
from delinkcious.database import Database
from delinkcious.dead_letters import dead_letters
from delinkcious.deletion import DELETED, Purger
from delinkcious.http.slots import Slots
from delinkcious.live import Live
from delinkcious.messaging.event import Event
from delinkcious.messaging.streams import LINKS, USERS
from delinkcious.service import Runtime, run
from delinkcious.worker import Outbox, Subscription, run_worker
from link_service.config import LinkSettings
from link_service.events import CHECKED, CHECKS, PURGES, to_check_result
from link_service.http import create_link_app
from link_service.imports.manager import ImportManager
from link_service.imports.store import PostgresImportStore
from link_service.imports.worker import ImportWorker
from link_service.live import Features, LiveLinkSettings, live_settings
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.purge import LinkPurge
from link_service.schedule import Schedule
from link_service.transfers import add_transfers

_TRANSFERS_EACH: Final = 2
_TURN: Final = 0.0002
"""Seconds that a thread of the worker may compute on while another waits to. An import computes all
the time; whatever has heard from Postgres meanwhile would else wait 5 ms, and hears from it often.
"""


def _database(runtime: Runtime[LinkSettings]) -> Database:
    database = Database("link-db", runtime.settings.link_db)
    runtime.health.add("link-db", database.check)
    return database


@dataclass(frozen=True)
class _Live:
    """What may change, as those take it who depend on it."""

    live: Live[LiveLinkSettings]

    def limit(self) -> int:
        return self.live.current.max_links_per_user

    def features(self) -> Features:
        return self.live.current.features


def serve(runtime: Runtime[LinkSettings]) -> None:
    """Answer requests."""
    database, live = _database(runtime), _Live(runtime.live)
    store = PostgresLinkStore(database)
    manager = LinkManager(store, live.limit, features=live.features)
    auth = MutualAuth.from_settings(runtime.settings)
    threads = runtime.settings.server_threads
    app = create_link_app(manager, auth, long_calls=max(1, threads // 2))
    imports = ImportManager(PostgresImportStore(database, live.limit), store)
    add_transfers(app, imports, Slots(max(1, threads // 2), _TRANSFERS_EACH))
    with recording(runtime.settings, auth) as recorder:
        runtime.live.on_change(limit_changes(recorder, "max_links_per_user"))
        runtime.serve_http(app, threads=threads)


async def work(runtime: Runtime[LinkSettings]) -> None:
    """Publish the outbox, ask for checks that are due, take in their results, and import files."""
    sys.setswitchinterval(_TURN)
    database, live = _database(runtime), _Live(runtime.live)
    store, rules = PostgresLinkStore(database), runtime.settings.health_rules
    manager = LinkManager(store, live.limit, rules, features=live.features)
    imports = PostgresImportStore(database, live.limit)

    async def record_check(event: Event) -> None:
        await asyncio.to_thread(manager.record_check, to_check_result(event.data))

    await run_worker(
        runtime,
        outbox=Outbox("link-db", runtime.settings.link_db, runtime.settings.outbox_retention),
        subscriptions=[
            Subscription(LINKS, CHECKS, [CHECKED], record_check),
            Subscription(USERS, PURGES, [DELETED], Purger(LinkPurge(database).purge_some).handle),
        ],
        also=[
            Schedule(database, live.features).run,
            ImportWorker(imports, live.features).run,
        ],
    )


def migrate(runtime: Runtime[LinkSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    settings = runtime.settings
    runtime.migrate(settings.link_db_owner, "link_service.migrations", settings.link_db_user)


if __name__ == "__main__":
    run(
        LinkSettings,
        live=live_settings,
        roles={"serve": serve, "work": work},
        commands={"migrate": migrate, "dead-letters": dead_letters([CHECKS, PURGES])},
    )
