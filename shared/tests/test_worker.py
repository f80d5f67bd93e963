"""A worker as a service has one: it relays its outbox and consumes what it wants."""

import asyncio
from pathlib import Path
from textwrap import dedent

import nats
import psycopg
import pytest

from delinkcious import outbox
from delinkcious.testing.addresses import NatsAddress, PostgresAddress
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.settings import nats_settings, postgres_settings
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.integration

SERVICE = dedent("""
    import sys
    from pathlib import Path
    from typing import ClassVar

    from delinkcious.config import OutboxSettings, PostgresAddress
    from delinkcious.messaging.streams import LINKS
    from delinkcious.service import run
    from delinkcious.worker import Outbox, Subscription, run_worker


    class Settings(OutboxSettings):
        service_name: ClassVar[str] = "probe"
        notes: Path
        probe_db_service_host: str = ""
        probe_db_service_port: int = 5432
        probe_db_user: str = ""
        probe_db_password: str = ""
        probe_db_name: str = ""

    def recorder(settings):
        async def record(event):
            with settings.notes.open("a") as notes:
                notes.write(f"{event.type} {event.source} {event.data['url']}\\n")

        return record


    async def relaying(runtime):
        s = runtime.settings
        address = PostgresAddress(
            s.probe_db_service_host, s.probe_db_service_port, s.probe_db_user,
            s.probe_db_password, s.probe_db_name,
        )
        await run_worker(
            runtime,
            outbox=Outbox("probe-db", address, s.outbox_retention),
            subscriptions=[Subscription(LINKS, "first", ["links.updated"], recorder(s))],
        )


    async def publishing(runtime):
        s = runtime.settings
        record = recorder(s)

        def subscriptions(publisher):
            async def pass_on(event):
                told = event.consequence("links.deleted", source="/second", data=event.data)
                await publisher.publish([told])

            return [
                Subscription(LINKS, "second", ["links.updated"], pass_on),
                Subscription(LINKS, "third", ["links.deleted"], record),
            ]

        async def also(stop):
            with s.notes.open("a") as notes:
                notes.write(f"with psycopg: {'psycopg' in sys.modules}\\n")
            await stop.wait()

        await run_worker(runtime, subscriptions=subscriptions, also=[also])


    if __name__ == "__main__":
        run(Settings, roles={"relaying": relaying, "publishing": publishing})
""")


def test_a_worker_relays_its_outbox_and_consumes_what_it_wants(
    tmp_path: Path, postgres_database: PostgresAddress, nats_address: NatsAddress
) -> None:
    """From the outbox through the broker to one worker's note, and through a second to another's.

    The second has no database, and so does without the library for one.
    """
    (tmp_path / "probe_worker_service.py").write_text(SERVICE)
    env = {
        "PYTHONPATH": str(tmp_path),
        "EVENT_RETENTION": "7200",
        **nats_settings(nats_address),
    }
    database = postgres_settings("PROBE_DB", postgres_database)
    first, second = tmp_path / "first", tmp_path / "second"
    with (
        psycopg.connect(**postgres_database.parameters(), autocommit=True) as connection,
        ServiceProcess(
            "probe_worker_service", "relaying", {**env, **database, "NOTES": str(first)}
        ) as relaying,
        ServiceProcess(
            "probe_worker_service", "publishing", {**env, "NOTES": str(second)}
        ) as publishing,
    ):
        connection.execute(outbox.CREATE_OUTBOX)
        relaying.wait_ready()
        publishing.wait_ready()
        assert set(relaying.readiness()["dependencies"]) == {"nats", "probe-db"}
        assert set(publishing.readiness()["dependencies"]) == {"nats"}
        outbox.append(connection, [outbox.Entry("links.updated", "alice", {"url": "here"})])
        wait_until(lambda: second.exists() and "here" in second.read_text())
        wait_until(first.exists)
        assert [relaying.terminate(), publishing.terminate()] == [0, 0]
    assert asyncio.run(max_age_of_links(nats_address)) == 7200
    assert first.read_text() == "links.updated /probe here\n"
    assert second.read_text() == "with psycopg: False\nlinks.deleted /second here\n"


async def max_age_of_links(address: NatsAddress) -> float | None:
    """How long the broker keeps events, as the workers have told it."""
    client = await nats.connect(address.url)
    try:
        return (await client.jetstream().stream_info("LINKS")).config.max_age
    finally:
        await client.close()
