"""Asking a durable consumer for messages, one request at a time.

nats-py's `fetch` hands out a batch when it is complete or its time is over, and loses what arrives
just after. Here every message is passed on as it comes, the request tells how many may come (that
is the backpressure), and closing takes in what was already on its way.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import Header, StatusCode

from delinkcious.messaging.broker import CONNECTION_ERRORS, Connection

_EXPIRES: Final = 30.0
_HEARTBEAT: Final = 5.0
_CLOSING: Final = 5.0
_NANOSECONDS: Final = 1_000_000_000
_ENDED: Final = (StatusCode.NO_MESSAGES, StatusCode.REQUEST_TIMEOUT)

Receive = Callable[[Msg], None]


class PullError(NatsError):
    """The consumer is gone, or the connection to it."""


class Pull:
    """The messages of one durable consumer, over one connection."""

    def __init__(
        self, connection: Connection, stream: str, consumer: str, receive: Receive
    ) -> None:
        self._connection = connection
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._receive = receive
        self._inbox = connection.client.new_inbox()
        self._subscription: Subscription | None = None
        self._expected = 0
        self._ended: asyncio.Future[None] | None = None
        self._heard = 0.0

    async def open(self) -> None:
        """Gets ready to receive."""
        self._subscription = await self._connection.client.subscribe(self._inbox, cb=self._take)

    async def close(self) -> None:
        """Asks for no more, and returns when what was on its way has been received."""
        if self._subscription is not None:
            with suppress(*CONNECTION_ERRORS):
                async with asyncio.timeout(_CLOSING):
                    await self._subscription.drain()  # type: ignore[no-untyped-call]

    async def request(self, size: int) -> None:
        """Asks for so many messages and returns when they have come, or none comes for a while.

        Raises:
            PullError: the consumer has been deleted, or nothing is heard of it.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        self._expected, self._ended, self._heard = size, ended, loop.time()
        await self._connection.client.publish(self._request_subject, _body(size), reply=self._inbox)
        try:
            while not ended.done():
                await self._connection.attempt(asyncio.wait({ended}, timeout=_HEARTBEAT))
                if loop.time() - self._heard > 2 * _HEARTBEAT:
                    raise PullError("nothing is heard of the consumer")
            ended.result()
        finally:
            self._ended = None

    async def _take(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        if message.reply:  # where to answer: what the broker says of the request has none
            self._receive(message)
            self._expected -= 1
            if self._expected == 0:
                self._end(None)
        else:
            self._take_status(message)

    def _take_status(self, message: Msg) -> None:
        status = (message.headers or {}).get(Header.STATUS)
        if status in _ENDED:
            self._end(None)
        elif status != StatusCode.CONTROL_MESSAGE:
            description = (message.headers or {}).get(Header.DESCRIPTION, "no such consumer")
            self._end(PullError(f"{status} {description}"))

    def _end(self, error: PullError | None) -> None:
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)


def _body(size: int) -> bytes:
    request = {
        "batch": size,
        "expires": int(_EXPIRES * _NANOSECONDS),
        "idle_heartbeat": int(_HEARTBEAT * _NANOSECONDS),
    }
    return json.dumps(request).encode()
