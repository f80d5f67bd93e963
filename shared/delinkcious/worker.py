"""The worker of a service: relays its outbox and consumes the events it wants, until stopped."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from delinkcious.config import BrokerSettings, PostgresAddress, ServiceSettings
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.consumer import Consumer
from delinkcious.messaging.processing import Handler
from delinkcious.messaging.publisher import EventPublisher, Publisher
from delinkcious.messaging.streams import Stream
from delinkcious.service import Runner, Runtime

B = TypeVar("B", bound=BrokerSettings)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that a worker wants.

    Attributes:
        name: of the durable consumer: what it is for, and unique in the broker.
        concurrency: how many are handled at the same time by one process.
        batch: how many it holds at most.
    """

    stream: Stream
    name: str
    subjects: Sequence[str]
    handle: Handler
    concurrency: int = 10
    batch: int = 100


Subscriptions = Callable[[EventPublisher], Sequence[Subscription]]
"""Makes the subscriptions whose handlers publish events themselves, without an outbox."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox to relay.

    Attributes:
        name: of the database, in logs and `/readiness`.
        retention: seconds that published events are kept.
    """

    name: str
    address: PostgresAddress
    retention: float


async def run_worker(
    runtime: Runtime[B],
    *,
    outbox: Outbox | None = None,
    subscriptions: Sequence[Subscription] | Subscriptions = (),
    also: Sequence[Runner] = (),
) -> None:
    """Runs a worker until the process is told to stop.

    Args:
        subscriptions: the events to consume; or what makes them, given the publisher.
        also: what else it does, each until its event is set.
    """
    settings = runtime.settings
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker.from_settings(settings))
        runtime.health.add("nats", broker.check)
        publisher = Publisher(broker)
        wanted = subscriptions(publisher) if callable(subscriptions) else subscriptions
        runners = [*also, *(_consumer(broker, each, settings).run for each in wanted)]
        if outbox is not None:
            runners.append(await stack.enter_async_context(_relay(runtime, outbox, publisher)))
        await runtime.run_until_stopped(*runners)


@asynccontextmanager
async def _relay(
    runtime: Runtime[B], outbox: Outbox, publisher: EventPublisher
) -> AsyncIterator[Runner]:
    from delinkcious.database import AsyncDatabase  # a worker without a database has no psycopg
    from delinkcious.outbox import Relay

    async with AsyncDatabase(outbox.name, outbox.address) as database:
        runtime.health.add(outbox.name, database.check)
        source, retention = f"/{runtime.settings.service_name}", timedelta(seconds=outbox.retention)
        yield Relay(database.pool, publisher, source, retention=retention).run


def _consumer(broker: Broker, wanted: Subscription, settings: ServiceSettings) -> Consumer:
    return Consumer(
        broker,
        stream=wanted.stream,
        name=wanted.name,
        subjects=wanted.subjects,
        handle=wanted.handle,
        concurrency=wanted.concurrency,
        batch=wanted.batch,
        grace_period=settings.grace_period * 0.8,
    )
