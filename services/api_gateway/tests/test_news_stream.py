"""News as they come, through the gateway."""

from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest

from api_gateway.news_stream import EACH, NewsStreams
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, FixedNews, fields
from api_gateway.threads import Places, at_once
from delinkcious.errors import InvalidArgument, ResourceExhausted, Unauthenticated, Unavailable
from delinkcious.http.slow_bodies import Bodies
from delinkcious.object_model.news import NewsEvent, NewsWatch
from delinkcious.testing.waiting import wait_until

from .test_news import EVENTS

BEGIN = "retry: 2000"


def test_events_are_told_oldest_first_with_what_a_page_says_of_them(
    bob: Caller, news: FixedNews
) -> None:
    news.events = EVENTS
    response = bob.get("/v1/news/stream")
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    begin, first, *_, alive, rest = response.text.split("\n\n")
    assert (begin, alive, rest) == (BEGIN, ": alive", "")
    assert first == (
        "id: event-1\nevent: link_added\n"
        'data: {"id":"event-1","event_type":"link_added","username":"alice",'
        '"url":"https://1.example/","title":"Title 1","timestamp":"2026-11-20T09:30:01+00:00"}'
    )


def test_who_comes_again_is_told_what_came_since(bob: Caller, news: FixedNews) -> None:
    news.events = EVENTS
    text = bob.get("/v1/news/stream", headers={"Last-Event-ID": "event-2"}).text
    assert [line for line in text.splitlines() if line.startswith("id:")] == ["id: event-3"]


def test_without_a_token_there_is_no_stream(bob: Caller) -> None:
    assert bob.http.get("/v1/news/stream").status_code == 401


class Watched(FixedNews):
    """News that come when a test says so, to whoever watches."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.watches: list[Endless] = []

    def watch_news(
        self,
        username: str,
        after: str | None = None,
        author: str | None = None,
    ) -> NewsWatch:
        self.watches.append(Endless(self.error))
        return self.watches[-1]


class Endless:
    """A watch that tells nothing until it is closed, but that it is alive, when asked to."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.closed = Event()
        self.alive = Event()

    def __iter__(self) -> Iterator[NewsEvent | None]:
        if self._error:
            raise self._error
        yield None
        while not self.closed.is_set():
            if self.alive.wait(0.01):
                self.alive.clear()
                yield None

    def close(self) -> None:
        self.closed.set()


def test_a_user_may_have_a_few_streams_and_all_users_together_some_more(
    sessions: Sessions, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    news = Watched()
    streams = NewsStreams(news, sessions, total=EACH + 1)
    alice, carol = caller("alice"), caller("carol")
    opened = [streams.open(bob.username, bob.token, None, None) for _ in range(EACH)]
    for stream in opened:
        next(stream)
    with pytest.raises(ResourceExhausted):
        next(streams.open(bob.username, bob.token, None, None))
    last = streams.open(alice.username, alice.token, None, None)
    next(last)
    with pytest.raises(Unavailable):
        next(streams.open(carol.username, carol.token, None, None))
    last.close()
    next(streams.open(carol.username, carol.token, None, None))


def test_a_stream_ends_when_the_server_stops_and_there_are_none_afterwards(
    sessions: Sessions, bob: Caller
) -> None:
    news = Watched()
    streams = NewsStreams(news, sessions, total=5)
    stream = streams.open(bob.username, bob.token, None, None)
    next(stream)
    rest: list[bytes] = []
    reader = Thread(target=lambda: rest.extend(stream))
    reader.start()
    streams.close()
    reader.join(5)
    assert not reader.is_alive()
    assert rest == []
    assert news.watches[0].closed.is_set()
    with pytest.raises(Unavailable):
        next(streams.open(bob.username, bob.token, None, None))


def test_a_stream_ends_when_its_session_does(sessions: Sessions, bob: Caller) -> None:
    news = Watched()
    streams = NewsStreams(news, sessions, total=5)
    stream = streams.open(bob.username, bob.token, None, None)
    next(stream)
    news.watches[0].alive.set()
    assert next(stream) == b": alive\n\n"
    assert bob.post("/logout").status_code == 204
    news.watches[0].alive.set()
    assert list(stream) == []
    with pytest.raises(Unauthenticated):
        sessions.identify(bob.token)


def test_streams_of_a_user_are_ended_at_once_and_nobody_elses(
    sessions: Sessions, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    news, alice = Watched(), caller("alice")
    streams = NewsStreams(news, sessions, total=5)
    opened = [streams.open(each.username, each.token, None, None) for each in (bob, alice)]
    for stream in opened:
        next(stream)
    streams.end_those_of(bob.username)
    assert list(opened[0]) == []
    assert [watch.closed.is_set() for watch in news.watches] == [True, False]
    streams.close()


def test_a_stream_that_is_left_is_closed(sessions: Sessions, bob: Caller) -> None:
    news = Watched()
    stream = NewsStreams(news, sessions).open(bob.username, bob.token, None, None)
    next(stream)
    stream.close()
    assert news.watches[0].closed.is_set()


@pytest.fixture
def failing(news: FixedNews, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """News that cannot be watched."""
    failing = Watched()
    monkeypatch.setattr(news, "watch_news", failing.watch_news)
    return failing


def test_what_fails_before_it_begins_is_answered(bob: Caller, failing: Watched) -> None:
    failing.error = Unavailable("news-manager does not answer.", retry_after=1)
    response = bob.get("/v1/news/stream")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    failing.error = InvalidArgument.of("after", "is not the id of an event")
    response = bob.get("/v1/news/stream", headers={"Last-Event-ID": "nonsense"})
    assert response.status_code == 400
    assert fields(response) == ["Last-Event-ID"]


def test_only_so_many_requests_are_worked_on_at_a_time() -> None:
    inside: list[int] = []
    go_on = Event()

    def app(environ: dict[str, int], _start: object) -> list[bytes]:
        inside.append(environ["number"])
        go_on.wait(5)
        return []

    room = Places(2)
    limited = at_once(app, room, Bodies(1, room, lambda _environ: "somebody"))
    threads = [Thread(target=limited, args=[{"number": number}, None]) for number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(inside) == 2)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert sorted(inside) == [0, 1, 2, 3]
