"""Runs the social graph service.

``python -m social_graph_service serve | work | migrate | dead-letters``
"""

from delinkcious.audit.serving import recording
from delinkcious.auth import MutualAuth
from delinkcious.database import Database
from delinkcious.dead_letters import dead_letters
from delinkcious.deletion import DELETED, Purger
from delinkcious.live import Live
from delinkcious.messaging.streams import USERS
from delinkcious.service import Runtime, run
from delinkcious.worker import Outbox, Subscription, run_worker
from social_graph_service.config import SocialGraphSettings
from social_graph_service.events import PURGES
from social_graph_service.http import create_social_graph_app
from social_graph_service.live import LiveSocialGraphSettings, live_settings
from social_graph_service.manager import SocialGraphManager
from social_graph_service.postgres import PostgresFollowStore


def serve(runtime: Runtime[SocialGraphSettings]) -> None:
    """Answer requests."""
    settings = runtime.settings
    database = Database("social-graph-db", settings.social_graph_db)
    runtime.health.add("social-graph-db", database.check)
    live: Live[LiveSocialGraphSettings] = runtime.live
    manager = SocialGraphManager(PostgresFollowStore(database), lambda: live.current.features)
    auth = MutualAuth.from_settings(settings)
    app = create_social_graph_app(manager, auth)
    with recording(settings, auth):
        runtime.serve_http(app, threads=settings.server_threads)


async def work(runtime: Runtime[SocialGraphSettings]) -> None:
    """Publish the outbox, and forget those whose accounts are deleted."""
    settings = runtime.settings
    outbox = Outbox("social-graph-db", settings.social_graph_db, settings.outbox_retention)
    store = PostgresFollowStore(Database("social-graph-db", settings.social_graph_db))
    forget = Subscription(USERS, PURGES, [DELETED], Purger(store.purge_some).handle)
    await run_worker(runtime, outbox=outbox, subscriptions=[forget])


def migrate(runtime: Runtime[SocialGraphSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    settings = runtime.settings
    runtime.migrate(
        settings.social_graph_db_owner,
        "social_graph_service.migrations",
        settings.social_graph_db_user,
    )


if __name__ == "__main__":
    run(
        SocialGraphSettings,
        live=live_settings,
        roles={"serve": serve, "work": work},
        commands={"migrate": migrate, "dead-letters": dead_letters([PURGES])},
    )
