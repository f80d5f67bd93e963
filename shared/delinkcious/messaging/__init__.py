"""Events over NATS JetStream: publishing them, and durable consumers.

A worker opens a `Broker` and gives it to a `Publisher` and to one `Consumer` for each stream that
it reads. Threads have `BlockingPublisher`, and `BackgroundBroker` for what nobody waits for. What
belongs to a database transaction goes through `delinkcious.outbox`.
"""

from delinkcious.messaging.background import BackgroundBroker, EventSource, SoonPublisher
from delinkcious.messaging.blocking import BlockingEventPublisher, BlockingPublisher
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.consumer import Consumer
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.pacing import Backoff
from delinkcious.messaging.processing import Handler
from delinkcious.messaging.publisher import EventPublisher, NotAcknowledged, Publisher

__all__ = [
    "BackgroundBroker",
    "Backoff",
    "BlockingEventPublisher",
    "BlockingPublisher",
    "Broker",
    "Consumer",
    "Event",
    "EventPublisher",
    "EventSource",
    "Handler",
    "MalformedEvent",
    "NotAcknowledged",
    "Publisher",
    "SoonPublisher",
]
