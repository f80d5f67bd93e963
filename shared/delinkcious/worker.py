"""The worker of a service: relays its outbox and consumes the events it wants, until stopped."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from delinkcious.config import Address, PostgresAddress, ServiceSettings
from delinkcious.database import AsyncDatabase
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.consumer import Consumer
from delinkcious.messaging.processing import Handler
from delinkcious.messaging.publisher import Publisher
from delinkcious.messaging.streams import Stream
from delinkcious.outbox import Relay
from delinkcious.service import Runner, Runtime, S


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that a worker wants.

    Attributes:
        name: of the durable consumer: what it is for, and unique in the broker.
        concurrency: how many are handled at the same time by one process.
    """

    stream: Stream
    name: str
    subjects: Sequence[str]
    handle: Handler
    concurrency: int = 10


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox to relay.

    Attributes:
        name: of the database, in logs and `/readiness`.
    """

    name: str
    address: PostgresAddress


async def run_worker(
    runtime: Runtime[S],
    *,
    nats: Address,
    outbox: Outbox | None = None,
    subscriptions: Sequence[Subscription] = (),
) -> None:
    """Runs a worker until the process is told to stop."""
    settings: ServiceSettings = runtime.settings
    async with AsyncExitStack() as stack:
        name = settings.service_name
        broker = await stack.enter_async_context(Broker(nats.host, nats.port, name))
        runtime.health.add("nats", broker.check)
        runners: list[Runner] = [
            _consumer(broker, wanted, settings).run for wanted in subscriptions
        ]
        if outbox is not None:
            database = await stack.enter_async_context(AsyncDatabase(outbox.name, outbox.address))
            runtime.health.add(outbox.name, database.check)
            runners.append(Relay(database.pool, Publisher(broker), f"/{name}").run)
        await runtime.run_until_stopped(*runners)


def _consumer(broker: Broker, wanted: Subscription, settings: ServiceSettings) -> Consumer:
    return Consumer(
        broker,
        stream=wanted.stream,
        name=wanted.name,
        subjects=wanted.subjects,
        handle=wanted.handle,
        concurrency=wanted.concurrency,
        grace_period=settings.grace_period * 0.8,
    )
