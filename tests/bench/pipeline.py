"""How fast the relay moves events from an outbox to the broker, beside a bare publisher.

``python -m tests.bench.pipeline``: on a Postgres and a NATS of its own, half a minute. The bare
publisher is nats-py with payloads and headers ready made and no database: one that sends as many
events as the relay before it waits for their acknowledgements, and one that waits for each.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Final
from uuid import uuid4

import nats
import psycopg
from nats.js import JetStreamContext

from delinkcious import logging
from delinkcious.database import AsyncDatabase
from delinkcious.messaging import Broker, Event, Publisher
from delinkcious.outbox import CREATE_OUTBOX, Entry, Relay, append
from delinkcious.testing.addresses import NatsAddress, PostgresAddress
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres
from delinkcious.testing.running import running
from delinkcious.testing.scratch import scratch_folder
from delinkcious.testing.waiting import free_port
from tests.bench.report import say

EVENTS: Final = 4000
AUTHORS: Final = 50
BATCH: Final = 500
ONE_BY_ONE: Final = 1000
ROUNDS: Final = 3
TARGET: Final = 2000

Message = tuple[str, bytes, dict[str, str]]


def main() -> None:
    """Measures in turn, several times, and prints a line for each target."""
    logging.configure("bench", "WARNING", "bench")
    with servers() as (postgres, broker):
        asyncio.run(measure(postgres, broker))


async def measure(postgres: PostgresAddress, broker: NatsAddress) -> None:
    """Runs the rounds: the relay, the bare publisher, and the one that waits for each."""
    rates: dict[str, list[float]] = {
        "the relay": [],
        "bare, in batches": [],
        "bare, one by one": [],
    }
    for _ in range(ROUNDS):
        fill(postgres, EVENTS)
        rates["the relay"].append(await rate(EVENTS, relay(postgres, broker)))
        for name, number, batch in (
            ("bare, in batches", EVENTS, BATCH),
            ("bare, one by one", ONE_BY_ONE, 1),
        ):
            rates[name].append(await publish_bare(broker, number, batch))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"    {name}: {min(values):.0f} to {max(values):.0f} events/s")
    bare = medians["bare, in batches"]
    target = f"at least {min(TARGET, bare / 2):.0f}: {TARGET} or half of the bare one, the lower"
    say("the relay, events a second", f"{medians['the relay']:.0f}", target)
    say("    of the bare publisher's rate", f"{medians['the relay'] / bare:.0%}", "50 %")


@contextmanager
def servers() -> Iterator[tuple[PostgresAddress, NatsAddress]]:
    """A Postgres with an outbox, which loses nothing that it has committed, and a NATS."""
    with scratch_folder() as folder, ExitStack() as stack:
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), "bench", durable=True)
        broker = EmbeddedNats(folder / "nats", free_port(), free_port())
        stack.enter_context(running(postgres, folder / "postgres.log"))
        stack.enter_context(running(broker, folder / "nats.log"))
        with psycopg.connect(**postgres.address.parameters(), autocommit=True) as connection:
            connection.execute(CREATE_OUTBOX)
        yield postgres.address, broker.address


def fill(postgres: PostgresAddress, number: int) -> None:
    """Puts events into the outbox, as requests do."""
    with psycopg.connect(**postgres.parameters()) as connection:
        for n in range(number):
            author = f"author-{n % AUTHORS}"
            append(connection, [Entry("links.added", author, link(author, n))])


def link(author: str, number: int) -> dict[str, object]:
    """The data of an event of usual size."""
    return {
        "author": author,
        "link": {
            "id": number,
            "url": f"https://example.com/articles/{number}?page=1",
            "title": f"The {number}th article about nothing in particular",
            "tags": ["python", "events", "to read"],
            "visibility": "public",
        },
    }


async def relay(postgres: PostgresAddress, broker: NatsAddress) -> Callable[[], Awaitable[None]]:
    """Returns what empties the outbox; it is connected when it begins."""
    database = await AsyncDatabase("bench", postgres).__aenter__()
    connected = await Broker(broker.host, broker.port, "bench").__aenter__()
    await connected.wait_connected()
    await database.pool.wait()
    relay = Relay(database.pool, Publisher(connected), "/link-manager", batch=BATCH)

    async def run() -> None:
        while await relay.relay_batch():
            pass
        await connected.close()
        await database.pool.close()

    return run


async def rate(number: int, ready: Awaitable[Callable[[], Awaitable[None]]]) -> float:
    """Returns how many events a second it moves."""
    run = await ready
    started = perf_counter()
    await run()
    return number / (perf_counter() - started)


async def publish_bare(broker: NatsAddress, number: int, batch: int) -> float:
    """Returns how many events a second nats-py publishes, so many under way at a time."""
    client = await nats.connect(broker.url)
    try:
        jetstream, messages = client.jetstream(), [message(n) for n in range(number)]
        started = perf_counter()
        for start in range(0, number, batch):
            await _publish_bare(jetstream, messages[start : start + batch])
        return number / (perf_counter() - started)
    finally:
        await client.close()


async def _publish_bare(jetstream: JetStreamContext, messages: list[Message]) -> None:
    if len(messages) == 1:
        [(subject, payload, headers)] = messages
        await jetstream.publish(subject, payload, headers=headers)
        return
    acks = [
        await jetstream.publish_async(subject, payload, headers=headers)
        for subject, payload, headers in messages
    ]
    await asyncio.gather(*acks)


def message(number: int) -> Message:
    """An event, ready to be sent."""
    author = f"author-{number % AUTHORS}"
    event = Event(
        id=str(uuid4()), type="links.added", source="/bench", key=author, data=link(author, number)
    )
    return event.type, event.payload(), event.headers()


if __name__ == "__main__":
    main()
