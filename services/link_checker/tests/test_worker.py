"""Requests in, results out; and the threads that do the work."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.publisher import Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.messaging import InMemoryPublisher
from delinkcious.testing.waiting import eventually
from link_checker.domain import Finding, Outcome
from link_checker.memory import InMemoryChecker
from link_checker.ports import LinkChecker
from link_checker.worker import CheckPool, CheckRequests

from .conftest import NewChecker
from .website import Website

URL = "https://example.com/"
TITLED = "https://example.com/titled"


@pytest.fixture
def in_memory() -> InMemoryChecker:
    return InMemoryChecker(
        {URL: Finding(Outcome.GONE, 410), TITLED: Finding(Outcome.OK, 200, "A title")}
    )


@pytest.fixture
def pool(in_memory: InMemoryChecker) -> Iterator[CheckPool]:
    with CheckPool(in_memory, 2, threading.Event()) as pool:
        yield pool


def request(**data: object) -> Event:
    data = data or {"url_id": 7, "url": URL}
    return Event(type="links.check.requested", source="/link-manager", key="7", data=data)


async def test_a_request_is_answered_with_what_was_found(pool: CheckPool) -> None:
    publisher = InMemoryPublisher()
    await CheckRequests(pool.check, publisher).handle(request())
    (event,) = publisher.events
    assert (event.type, event.key) == ("links.checked", "7")
    assert (event.data["url_id"], event.data["url"]) == (7, URL)
    assert (event.data["outcome"], event.data["http_status"]) == ("gone", 410)


@pytest.mark.parametrize(("wanted", "title"), [(True, "A title"), (False, None)])
async def test_a_title_is_found_out_if_it_is_wanted(
    pool: CheckPool, wanted: bool, title: str | None
) -> None:
    publisher = InMemoryPublisher()
    event = request(url_id=7, url=TITLED, title_wanted=wanted)
    await CheckRequests(pool.check, publisher).handle(event)
    assert publisher.events[0].data["title"] == title


async def test_a_request_that_cannot_be_read_is_given_up_on(pool: CheckPool) -> None:
    publisher = InMemoryPublisher()
    with pytest.raises(MalformedEvent):
        await CheckRequests(pool.check, publisher).handle(request(url=URL))
    assert publisher.events == []


async def test_a_result_that_is_not_acknowledged_keeps_the_request_open(pool: CheckPool) -> None:
    publisher = InMemoryPublisher()
    publisher.down = True
    with pytest.raises(Unavailable):
        await CheckRequests(pool.check, publisher).handle(request())


@pytest.mark.integration
async def test_a_request_that_comes_twice_is_answered_once(
    pool: CheckPool, in_memory: InMemoryChecker, nats_address: NatsAddress
) -> None:
    event = request()
    async with Broker(nats_address.host, nats_address.port, "tests") as broker:
        connection = await broker.wait_connected()
        handler = CheckRequests(pool.check, Publisher(broker))
        await handler.handle(event)
        await handler.handle(event)
        info = await connection.jetstream.stream_info(LINKS.name)
    assert in_memory.checked == [URL, URL]
    assert info.state.messages == 1


async def test_a_check_runs_in_the_span_of_its_request() -> None:
    seen: list[object] = []

    class Spy:
        def check(self, url: str, *, title_wanted: bool = False) -> Finding:
            seen.append(tracing.current_ids())
            return Finding(Outcome.OK)

    with CheckPool(Spy(), 1, threading.Event()) as pool, tracing.span("process"):
        await pool.check(URL)
        assert seen == [tracing.current_ids()]


async def test_so_many_checks_run_at_a_time() -> None:
    together = threading.Barrier(3)

    class Meeting:
        def check(self, url: str, *, title_wanted: bool = False) -> Finding:
            together.wait(10)
            return Finding(Outcome.OK)

    with CheckPool(Meeting(), 3, threading.Event()) as pool:
        found = await asyncio.gather(*(pool.check(URL) for _ in range(6)))
    assert len(found) == 6


async def test_a_check_that_nobody_waits_for_does_not_hold_up_the_end(
    website: Website, new_checker: NewChecker, stop: threading.Event
) -> None:
    checker: LinkChecker = new_checker(timeout=30)
    with CheckPool(checker, 1, stop) as pool:
        check = asyncio.create_task(pool.check(website.url("/held")))
        await eventually(lambda: website.requests)
        check.cancel()
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 5
