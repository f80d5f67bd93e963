"""Runs the user service: ``python -m user_service serve | work | migrate``."""

from delinkcious.auth import MutualAuth
from delinkcious.database import Database
from delinkcious.service import Runtime, run
from delinkcious.worker import Outbox, run_worker
from user_service.cleaning import Cleaner
from user_service.config import UserSettings
from user_service.http import create_user_app
from user_service.manager import UserManager
from user_service.postgres import PostgresUserStore


def _manager(settings: UserSettings, database: Database) -> UserManager:
    return UserManager(PostgresUserStore(database), settings.lifetime_of_sessions)


def serve(runtime: Runtime[UserSettings]) -> None:
    """Answer requests."""
    settings = runtime.settings
    database = Database("user-db", settings.user_db)
    runtime.health.add("user-db", database.check)
    app = create_user_app(_manager(settings, database), MutualAuth.from_settings(settings))
    runtime.serve_http(app, threads=settings.server_threads)


async def work(runtime: Runtime[UserSettings]) -> None:
    """Publish the outbox, and remove what has expired."""
    settings = runtime.settings
    manager = _manager(settings, Database("user-db", settings.user_db))
    await run_worker(
        runtime,
        outbox=Outbox("user-db", settings.user_db, settings.outbox_retention),
        also=[Cleaner(manager.delete_expired).run],
    )


def migrate(runtime: Runtime[UserSettings]) -> None:
    """Create the database if it is missing and bring its schema up to date."""
    runtime.migrate(runtime.settings.user_db, "user_service.migrations")


if __name__ == "__main__":
    run(UserSettings, roles={"serve": serve, "work": work}, commands={"migrate": migrate})
