"""What a service may say and hear over the broker: its own events, and nothing of the others'."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import nats
import pytest
from nats.aio.client import Client

from delinkcious.config import Login
from delinkcious.messaging.broker import Broker, inbox_of
from delinkcious.messaging.consumer import Consumer
from delinkcious.messaging.dead_letters import DeadLetter
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import Publisher
from delinkcious.messaging.replay import DeadLetters, Selection
from delinkcious.messaging.streams import STREAMS, kept_by, stream_of
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.embedded import EmbeddedNats
from delinkcious.testing.running import running
from delinkcious.testing.waiting import eventually, free_port
from tests.pipeline import catalogue
from tools.broker_rights import FILE, services, text
from tools.local_stack.layout import NATS, SERVICES

SUBJECTS: Final = sorted(catalogue.messages())
NOBODYS: Final = "nobodys.subject"
SPOIL: Final = (
    *("STREAM.DELETE", "STREAM.PURGE", "STREAM.SNAPSHOT", "STREAM.RESTORE", "STREAM.MSG.DELETE"),
    *("STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.NAMES", "CONSUMER.LIST"),
)


def test_the_file_says_what_the_catalogue_says() -> None:
    """If not: ``python -m tools.broker_rights``."""
    assert FILE.read_text(encoding="utf-8") == text()


def test_it_has_all_who_enter_the_broker() -> None:
    assert services() == sorted(each.name for each in SERVICES if NATS in each.stores)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsAddress]:
    """A broker that knows the services, each by its own name as the password."""
    folder: Path = tmp_path_factory.mktemp("nats")
    users = {service: service for service in services()}
    permissions = FILE.read_text(encoding="utf-8")
    server = EmbeddedNats(folder / "nats", free_port(), free_port(), users, permissions=permissions)
    with running(server, folder / "nats.log"):
        yield server.address


def entered(broker: NatsAddress, service: str) -> Broker:
    return Broker(
        *(broker.host, broker.port, service),
        kept=kept_by(service),
        login=Login(service, service),
    )


@asynccontextmanager
async def client_of(broker: NatsAddress, service: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A bare client, and what the broker says against what it does."""
    said: list[str] = []

    async def note(error: Exception) -> None:
        said.append(str(error))

    client = await nats.connect(broker.url, user=service, password=service, error_cb=note)
    yield client, said
    await client.close()


async def refused(
    broker: NatsAddress, service: str, *, publish: Collection[str] = (), hear: Collection[str] = ()
) -> set[str]:
    """Returns the subjects that a service may not publish, or not hear."""
    async with client_of(broker, service) as (client, said):
        for subject in publish:
            await client.publish(subject, b"")
        for subject in hear:
            await client.subscribe(subject)
        await client.publish(NOBODYS, b"")
        await eventually(lambda: any(NOBODYS in each for each in said))  # after all the others
    assert all("permissions violation" in each.lower() for each in said)
    return {
        subject
        for subject in (*publish, *hear)
        if any(f'"{subject.lower()}"' in each.lower() for each in said)
    }


@pytest.mark.integration
@pytest.mark.parametrize("service", services())
class TestRights:
    async def test_it_tells_its_own_events_and_no_others(
        self, service: str, broker: NatsAddress
    ) -> None:
        own = {
            each.subject
            for each in catalogue.operations()
            if each.service == service and each.action == "send"
        }
        async with entered(broker, service) as ours:
            await ours.wait_connected()
            await Publisher(ours).publish([event(service, subject) for subject in sorted(own)])
        assert await refused(broker, service, publish=SUBJECTS) == set(SUBJECTS) - own

    async def test_it_takes_the_events_that_are_for_it(
        self, service: str, broker: NatsAddress
    ) -> None:
        """Also those that it gives up on, and is given again."""
        for name, subject in consumed(service):
            handled: list[str] = []
            async with consuming(broker, service, name, subject, handled) as ours:
                await tell(broker, subject)
                letters = DeadLetters((await ours.wait_connected()).jetstream, [name])
                letter = (await eventually(partial(all_of, letters)))[-1]
                await letters.replay(letter)
                await eventually(partial(is_twice_in, letter.event_id, handled))

    async def test_it_hears_nothing_of_the_others(self, service: str, broker: NatsAddress) -> None:
        heard = {
            each.subject
            for each in catalogue.operations()
            if (each.service, each.action, each.consumer) == (service, "receive", None)
        }
        others = {f"{inbox_of(each)}.>" for each in services() if each != service}
        all_ = {*SUBJECTS, *others, ">", "_INBOX.>", "$JS.>", "$SYS.>", "dead.>", "replay.>"}
        assert await refused(broker, service, hear=all_ | heard) == all_ - heard

    async def test_it_can_spoil_no_stream(self, service: str, broker: NatsAddress) -> None:
        consumes = bool(list(consumed(service)))
        mine = {f"$JS.API.STREAM.UPDATE.{stream.name}" for stream in kept_by(service)}
        if consumes:
            mine |= {f"$JS.API.STREAM.MSG.{call}.DEAD_LETTERS" for call in ("GET", "DELETE")}
        calls = {f"$JS.API.{call}.{stream.name}" for call in SPOIL for stream in STREAMS}
        calls |= {f"$JS.API.STREAM.UPDATE.{stream.name}" for stream in STREAMS}
        calls |= {"$JS.API.STREAM.CREATE.OTHER", "$JS.API.CONSUMER.CREATE.USERS.other"}
        assert await refused(broker, service, publish=calls | mine) == calls - mine


def consumed(service: str) -> Iterator[tuple[str, str]]:
    """Yields each consumer of a service with a subject of its."""
    found = {
        each.consumer: each.subject
        for each in sorted(catalogue.operations(), key=lambda each: each.subject)
        if each.service == service and each.consumer
    }
    for name, subject in found.items():
        assert name is not None
        yield name, subject


async def tell(broker: NatsAddress, subject: str) -> None:
    """Tells an event as somebody who may."""
    sender = next(
        each.service
        for each in catalogue.operations()
        if (each.subject, each.action) == (subject, "send")
    )
    async with entered(broker, sender) as theirs:
        await theirs.wait_connected()
        await Publisher(theirs).publish([event(sender, subject)])


def event(service: str, subject: str) -> Event:
    return Event(type=subject, source=f"/{service}", key="key", data={})


@asynccontextmanager
async def consuming(
    broker: NatsAddress, service: str, name: str, subject: str, handled: list[str]
) -> AsyncIterator[Broker]:
    """Has a service consume, failing each event once."""

    async def handle(event: Event) -> None:
        handled.append(event.id)
        if handled.count(event.id) == 1:
            raise ValueError("once")

    stop = asyncio.Event()
    async with entered(broker, service) as ours:
        consumer = Consumer(
            ours,
            stream=stream_of(subject),
            name=name,
            subjects=[subject],
            handle=handle,
            max_deliver=1,
        )
        task = asyncio.create_task(consumer.run(stop))
        yield ours
        stop.set()
        await task


async def all_of(letters: DeadLetters) -> list[DeadLetter]:
    return [letter async for letter in letters.find(Selection())]


def is_twice_in(identity: str | None, handled: list[str]) -> bool:
    return handled.count(identity or "") == 2
