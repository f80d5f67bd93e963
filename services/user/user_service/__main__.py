"""Runs the user service: ``python -m user_service serve | work | migrate | …``."""

from datetime import timedelta

from delinkcious.audit import RECORDED
from delinkcious.audit.serving import recording
from delinkcious.auth import MutualAuth
from delinkcious.database import Database
from delinkcious.dead_letters import dead_letters
from delinkcious.deletion import PURGED
from delinkcious.live import Live
from delinkcious.messaging.streams import AUDIT, USERS
from delinkcious.service import Runtime, run
from delinkcious.worker import Outbox, Subscription, run_worker
from user_service.audit import AuditTrail
from user_service.audit_command import AUDIT as AUDIT_COMMAND
from user_service.audit_http import add_audit, origin
from user_service.audit_store import PostgresAuditStore
from user_service.cleaning import Cleaner
from user_service.config import UserSettings
from user_service.deletion_store import PostgresDeletionStore
from user_service.events import AUDIT as AUDIT_CONSUMER
from user_service.events import PURGES
from user_service.http import create_user_app
from user_service.live import LiveUserSettings, live_settings
from user_service.manager import UserManager
from user_service.postgres import PostgresUserStore
from user_service.sweeper import Sweeper


def _manager(runtime: Runtime[UserSettings], database: Database) -> UserManager:
    settings = runtime.settings
    live: Live[LiveUserSettings] = runtime.live
    return UserManager(
        PostgresUserStore(database),
        settings.lifetime_of_sessions,
        idle_lifetime=timedelta(seconds=settings.session_idle_lifetime),
        quarantine=timedelta(seconds=settings.deletion_quarantine),
        patience=timedelta(seconds=settings.deletion_patience),
        origin=origin,
        features=lambda: live.current.features,
    )


def _trail(settings: UserSettings, database: Database) -> AuditTrail:
    return AuditTrail(PostgresAuditStore(database), timedelta(seconds=settings.audit_retention))


def serve(runtime: Runtime[UserSettings]) -> None:
    """Answer requests."""
    settings = runtime.settings
    database = Database("user-db", settings.user_db)
    runtime.health.add("user-db", database.check)
    auth = MutualAuth.from_settings(settings)
    app = create_user_app(_manager(runtime, database), auth)
    add_audit(app, _trail(settings, database))
    with recording(settings, auth):
        runtime.serve_http(app, threads=settings.server_threads)


async def work(runtime: Runtime[UserSettings]) -> None:
    """Publish the outbox, see deletions of accounts through, keep the audit trail, and remove what
    has expired.
    """
    settings = runtime.settings
    database = Database("user-db", settings.user_db)
    patience = timedelta(seconds=settings.deletion_patience)
    sweeper = Sweeper(PostgresDeletionStore(database), patience)
    trail = _trail(settings, database)
    await run_worker(
        runtime,
        outbox=Outbox("user-db", settings.user_db, settings.outbox_retention),
        subscriptions=[
            Subscription(USERS, PURGES, [PURGED], sweeper.confirm),
            Subscription(AUDIT, AUDIT_CONSUMER, [RECORDED], trail.record),
        ],
        also=[
            Cleaner(_manager(runtime, database).delete_expired).run,
            Cleaner(trail.delete_expired, log="old_audit_entries_deleted").run,
            sweeper.run,
        ],
    )


def migrate(runtime: Runtime[UserSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    settings = runtime.settings
    runtime.migrate(settings.user_db_owner, "user_service.migrations", settings.user_db_user)


if __name__ == "__main__":
    run(
        UserSettings,
        live=live_settings,
        roles={"serve": serve, "work": work},
        commands={
            "migrate": migrate,
            "audit": AUDIT_COMMAND,
            "dead-letters": dead_letters([PURGES, AUDIT_CONSUMER]),
        },
    )
