"""A durable consumer: every event of some subjects, handled at least once, whatever breaks.

Two processes that run the same consumer share its events. Events of one key are handled in the
order of the stream within a process; after a failure, or between processes, a later event may
overtake, so a handler for which the order matters compares `Event.time` with what it has stored.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from delinkcious.messaging import metrics
from delinkcious.messaging.broker import CONNECTION_ERRORS, Broker, Connection
from delinkcious.messaging.lag import Lag
from delinkcious.messaging.pacing import Backoff, pause, unless
from delinkcious.messaging.processing import Handler, Processor
from delinkcious.messaging.session import Session
from delinkcious.messaging.streams import Stream

logger = structlog.get_logger()

_RETRY: Final = Backoff(base=1, cap=30)
_REOPEN: Final = Backoff(base=0.2, cap=5)
_UNLIMITED: Final = -1
_MIN_ACK_PENDING: Final = 1000


class Consumer:
    """Handles the events of some subjects of a stream."""

    def __init__(
        self,
        broker: Broker,
        *,
        stream: Stream,
        name: str,
        subjects: Sequence[str],
        handle: Handler,
        max_deliver: int = 8,
        batch: int = 100,
        concurrency: int = 10,
        timeout: float = 60,
        ack_wait: float = 15,
        grace_period: float = 20,
        backoff: Backoff = _RETRY,
    ) -> None:
        """Takes what to consume and how.

        Args:
            name: the durable consumer's name in the broker, such as ``news-links``.
            handle: what to do with an event; see `Handler`.
            max_deliver: after so many failed deliveries an event becomes a dead letter.
            batch: how many events this process holds at most.
            concurrency: how many of them are handled at the same time.
            timeout: seconds that handling one event may take; longer is a failure.
            ack_wait: seconds after which the events of a dead process go to another.
            grace_period: seconds that `run` takes at most to finish what it holds when stopped.
            backoff: the delays between failed deliveries.
        """
        self._broker = broker
        self._stream = stream
        self._name = name
        self._subjects = list(subjects)
        self._processor = Processor(
            name, handle, max_deliver=max_deliver, timeout=timeout, backoff=backoff
        )
        self._lag = Lag(stream, name)
        self._batch = batch
        self._concurrency = concurrency
        self._ack_wait = ack_wait
        self._grace_period = grace_period

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until stopped, through every loss of the broker."""
        failures = 0
        metrics.announce(self._name)
        while not stop.is_set():
            connection = await unless(stop, self._broker.wait_connected())
            if connection is None:
                return
            session = self._session(connection)
            try:
                await connection.attempt(self._ensure(connection))
                logger.info("consumer_started", consumer=self._name, subjects=self._subjects)
                async with self._lag.observed(connection):
                    await session.run(stop)
            except CONNECTION_ERRORS as error:
                failures = 1 if session.received else failures + 1
                self._interrupted(failures, error)
                await pause(stop, _REOPEN.delay(failures))

    def _session(self, connection: Connection) -> Session:
        return Session(
            connection,
            self._processor,
            stream=self._stream.name,
            consumer=self._name,
            batch=self._batch,
            concurrency=self._concurrency,
            ack_wait=self._ack_wait,
            grace_period=self._grace_period,
        )

    async def _ensure(self, connection: Connection) -> None:
        """Makes the stream and the durable consumer, or brings them up to date."""
        await connection.ensure_streams()
        await connection.jetstream.add_consumer(
            self._stream.name,
            ConsumerConfig(
                name=self._name,
                durable_name=self._name,
                filter_subjects=[*self._subjects, self._stream.replay_subject(self._name)],
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._ack_wait,
                # The broker would drop an event at its limit; ours puts it among the dead letters.
                max_deliver=_UNLIMITED,
                max_ack_pending=max(_MIN_ACK_PENDING, 4 * self._batch),
            ),
        )

    def _interrupted(self, failures: int, error: Exception) -> None:
        """Logs it once, however often the attempts to go on then fail."""
        if failures == 1:
            logger.warning("consumer_interrupted", consumer=self._name, reason=str(error))
