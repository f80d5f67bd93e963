"""The news of a user as they come: server-sent events (WHATWG HTML, section 9.2).

Each stream keeps a thread, so there are threads for streams beside those for all other requests
(`api_gateway.threads`), and only so many streams. Whoever gets none is told so at once.
"""

from collections.abc import Generator, Iterator
from contextlib import suppress
from threading import Lock
from typing import Final

import orjson
from flask import Response, g, request

from api_gateway.news import OfAuthor
from api_gateway.policy import authenticated
from api_gateway.sessions import Sessions
from delinkcious.errors import (
    DelinkciousError,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from delinkcious.http.app import RestApp, stream_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import Answers, problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.news import NewsEvent, NewsManager, NewsWatch
from delinkcious.object_model.users import Identity, Scope

MEDIA_TYPE: Final = "text/event-stream"
EACH: Final = 4
"""How many streams one user may have at a time: tabs of a browser, and a phone."""

_BEGIN: Final = b"retry: 2000\n\n"
_ALIVE: Final = b": alive\n\n"
_LAST_EVENT_ID: Final = "Last-Event-ID"
_ANSWERS: Final[Answers] = {
    200: {
        "description": "The events, for as long as you read.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


class NewsStreams:
    """The streams that are open. Safe to share between threads.

    Args:
        total: how many there may be.
    """

    def __init__(self, news: NewsManager, sessions: Sessions, total: int = 64) -> None:
        self._news = news
        self._sessions = sessions
        self._slots = Slots(total, EACH, "streams of news")
        self._open: dict[NewsWatch, str] = {}
        self._closed = False
        self._lock = Lock()

    def open(
        self, username: str, token: str, after: str | None, author: str | None
    ) -> Generator[bytes, None, None]:
        """Yields the news of a user as they come, until the token is no longer good, or `close`.

        Raises:
            InvalidArgument: ``after`` is not the id of an event.
            ResourceExhausted: the user has as many streams as one may have.
            Unavailable: there are as many as there may be, or the news service is away.
        """
        with self._slots.one_for(username):
            watch = self._news.watch_news(username, after, author)
            try:
                self._add(watch, username)
                yield from self._chunks(watch, token)
            finally:
                self._remove(watch)

    def close(self) -> None:
        """Ends all streams; from then on there are none."""
        with self._lock:
            self._closed = True
            watches = list(self._open)
        for watch in watches:
            watch.close()

    def end_those_of(self, username: str) -> None:
        """Ends the streams of a user, some of whose tokens are good no longer; who reads with
        another comes again and misses nothing.
        """
        with self._lock:
            watches = [watch for watch, reader in self._open.items() if reader == username]
        for watch in watches:
            watch.close()

    def _chunks(self, watch: NewsWatch, token: str) -> Iterator[bytes]:
        events = iter(watch)
        next(events, None)  # the watch has begun; or it fails while an answer can still say so
        yield _BEGIN
        # What fails now ends the stream; its reader comes again, and is told then.
        with suppress(DelinkciousError):
            for event in events:
                self._sessions.identify(token)
                yield _message(event) if event else _ALIVE

    def _add(self, watch: NewsWatch, username: str) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping.", retry_after=1)
            self._open[watch] = username

    def _remove(self, watch: NewsWatch) -> None:
        with self._lock:
            self._open.pop(watch, None)
        watch.close()


def add_news_stream(app: RestApp, streams: NewsStreams) -> None:
    """Adds the stream of news."""

    @app.get("/v1/news/stream")
    @authenticated(Scope.NEWS)
    @reads(app, OfAuthor, QUERY)
    @app.doc(
        tags=["News"],
        operation_id="streamNews",
        responses=_ANSWERS | problems(InvalidArgument, ResourceExhausted, Unavailable),
    )
    def stream_news(caller: Identity, wanted: OfAuthor) -> Response:
        """Read your news as they come.

        Server-sent events, as `EventSource` reads them: the type of each is its `event_type`, its
        data the same as in `GET /v1/news`, its id goes into `Last-Event-ID` when you come again,
        and you get what you missed. A comment comes every ten seconds while nothing happens. The
        stream ends when the server stops, or your session does.
        """
        after = request.headers.get(_LAST_EVENT_ID) or None
        chunks = _naming_the_header(streams.open(caller.username, g.token, after, wanted.author))
        return stream_response(chunks, MEDIA_TYPE, **{"X-Accel-Buffering": "no"})


def _naming_the_header(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except InvalidArgument:
        raise InvalidArgument.of(_LAST_EVENT_ID, "is not the id of an event") from None


def _message(event: NewsEvent) -> bytes:
    data = orjson.dumps(event)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        event.id.encode(),
        event.event_type.encode(),
        data,
    )
