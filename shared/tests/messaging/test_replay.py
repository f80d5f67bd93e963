"""Dead letters that are read, replayed and dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest
from nats.js.api import ConsumerConfig, RawStreamMsg

from delinkcious.messaging import Broker, Consumer, Event, MalformedEvent, Publisher
from delinkcious.messaging.dead_letters import DeadLetter
from delinkcious.messaging.replay import DeadLetters, NotReplayable, Selection, matches
from delinkcious.messaging.streams import DEAD_LETTERS, LINKS, Stream
from delinkcious.testing.waiting import eventually

Running = Callable[..., AbstractAsyncContextManager[Consumer]]
Read = Callable[[Stream], Awaitable[list[RawStreamMsg]]]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALL = Selection()


@pytest.mark.parametrize(
    ("pattern", "subject", "does"),
    [
        ("links.added", "links.added", True),
        ("links.added", "links.updated", False),
        ("links.*", "links.added", True),
        ("links.*", "links.check.requested", False),
        ("links.>", "links.check.requested", True),
        ("links.>", "links", False),
        ("*.added", "links.added", True),
        (">", "links.added", True),
        ("links", "links.added", False),
    ],
)
def test_a_pattern_matches_as_in_nats(pattern: str, subject: str, does: bool) -> None:
    assert matches(pattern, subject) is does


@pytest.mark.parametrize(
    ("selection", "does"),
    [
        (Selection(), True),
        (Selection(ids=frozenset({"7"})), True),
        (Selection(ids=frozenset({"1", "abc"})), False),
        (Selection(subject="links.*"), True),
        (Selection(subject="graph.>"), False),
        (Selection(died_before=NOON + timedelta(hours=1)), True),
        (Selection(died_before=NOON), False),
        (Selection(died_after=NOON - timedelta(hours=1)), True),
        (Selection(died_after=NOON), False),
        (Selection(ids=frozenset({"7"}), subject="graph.>"), False),
    ],
)
def test_a_selection_means_those_of_which_all_is_true(selection: Selection, does: bool) -> None:
    letter = DeadLetter(7, NOON, "c", "reason", "links.added", "LINKS", 1, 8, {}, b"{}", None)
    assert (letter in selection) is does


def event(number: int, key: str = "k") -> Event:
    return Event(type="links.added", source="/test", key=key, data={"n": number})


class Broken:
    """A handler that fails until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.handled: list[Event] = []

    async def __call__(self, event: Event) -> None:
        if not self.mended:
            raise MalformedEvent.of("n", "is not to my taste")
        self.handled.append(event)


@pytest.fixture
def publisher(broker: Broker) -> Publisher:
    return Publisher(broker)


async def letters(broker: Broker, *consumers: str) -> list[DeadLetter]:
    dead = DeadLetters(broker.connection().jetstream, consumers or ["test"])
    return [letter async for letter in dead.find(ALL)]


@pytest.mark.integration
class TestReplay:
    async def test_a_dead_letter_says_what_died_where_and_why(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        sent = event(1)
        async with consuming(Broken()):
            await publisher.publish([sent])
            [letter] = await eventually(lambda: letters(broker))
        assert (letter.consumer, letter.subject, letter.stream) == ("test", "links.added", "LINKS")
        assert (letter.sequence, letter.deliveries) == (1, 1)
        assert letter.reason == "MalformedEvent: n: is not to my taste"
        assert letter.event is not None
        assert (letter.event_id, letter.event.key, letter.happened_at) == (sent.id, "k", sent.time)
        assert abs(letter.died_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert letter.payload == sent.payload()

    async def test_a_replayed_event_comes_as_it_was_and_its_dead_letter_is_gone(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        handle, sent = Broken(), event(1)
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(handle):
            await publisher.publish([sent])
            [letter] = await eventually(lambda: letters(broker))
            handle.mended = True
            await dead.replay(letter)
            await eventually(lambda: handle.handled)
        [received] = handle.handled
        assert (received.id, received.type, received.key) == (sent.id, sent.type, sent.key)
        assert (received.data, received.time) == (sent.data, sent.time)
        assert await letters(broker) == []

    async def test_only_the_consumer_that_gave_up_gets_it(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        broken, well = Broken(), Broken()
        well.mended = True
        dead = DeadLetters(broker.connection().jetstream, ["broken"])
        async with consuming(broken, name="broken"), consuming(well, name="well"):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker, "broken"))
            broken.mended = True
            await dead.replay(letter)
            await eventually(lambda: broken.handled)
            await publisher.publish([event(2)])
            await eventually(lambda: len(well.handled) == 2)
        assert [each.data["n"] for each in well.handled] == [1, 2]

    async def test_one_that_fails_again_is_a_dead_letter_again_under_its_first_subject(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        sent = event(1)
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(Broken()):
            await publisher.publish([sent])
            [first] = await eventually(lambda: letters(broker))
            await dead.replay(first)

            async def it_died_again() -> DeadLetter | None:
                found = await letters(broker)
                return found[0] if found and found[0].number != first.number else None

            second = await eventually(it_died_again)
        assert (second.subject, second.event_id) == ("links.added", sent.id)
        assert second.headers == first.headers
        assert second.sequence > first.sequence
        assert len(await letters(broker)) == 1

    async def test_a_message_that_is_no_event_can_be_replayed_too(
        self, broker: Broker, consuming: Running
    ) -> None:
        jetstream = broker.connection().jetstream
        dead = DeadLetters(jetstream, ["test"])
        async with consuming(Broken()):
            await jetstream.publish("links.added", b"\xff", headers={"x": "y"})
            [first] = await eventually(lambda: letters(broker))
            assert (first.event, first.event_id, first.happened_at) == (None, None, first.died_at)
            await dead.replay(first)

            async def it_died_again() -> bool:
                return [each.number for each in await letters(broker)] not in ([], [first.number])

            await eventually(it_died_again)
        [second] = await letters(broker)
        assert (second.payload, second.headers, second.subject) == (
            b"\xff",
            {"x": "y"},
            "links.added",
        )

    async def test_a_replay_that_was_cut_short_can_be_repeated(
        self,
        broker: Broker,
        publisher: Publisher,
        consuming: Running,
        read: Read,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Whoever replays it dies after it is published, before the dead letter is removed."""
        handle = Broken()
        dead = DeadLetters(broker.connection().jetstream, ["test"])

        async def dies(_: DeadLetter) -> None:
            raise KeyboardInterrupt

        async with consuming(handle):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker))
            handle.mended = True
            with monkeypatch.context() as patch:
                patch.setattr(dead, "drop", dies)
                with pytest.raises(KeyboardInterrupt):
                    await dead.replay(letter)
            assert await letters(broker) == [letter]
            await dead.replay(letter)
            await publisher.publish([event(2)])
            await eventually(lambda: len(handle.handled) == 2)
        assert [each.data["n"] for each in handle.handled] == [1, 2]
        assert await letters(broker) == []
        assert len(await read(LINKS)) == 3  # one original, one replay, and the other event

    async def test_two_who_replay_the_same_replay_it_once(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        handle = Broken()
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(handle):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker))
            handle.mended = True
            await asyncio.gather(dead.replay(letter), dead.replay(letter))
            await publisher.publish([event(2)])
            await eventually(lambda: len(handle.handled) == 2)
        assert [each.data["n"] for each in handle.handled] == [1, 2]

    async def test_they_are_replayed_in_the_order_in_which_they_happened(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        late = Event(type="links.added", source="/t", key="k", data={"n": 2}, time=NOON)
        early = Event(
            type="links.added", source="/t", key="k", data={"n": 1}, time=NOON - timedelta(1)
        )
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(Broken()):
            await publisher.publish([late, early])

            async def both() -> list[DeadLetter] | None:
                found = await letters(broker)
                return found if len(found) == 2 else None

            died = await eventually(both)
        assert [each.event_id for each in died] == [late.id, early.id]
        numbers = [died[1].number, died[0].number]
        assert await dead.numbers(ALL) == numbers

    async def test_a_dropped_one_is_gone_and_dropping_it_again_is_no_error(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(Broken()):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker))
        await dead.drop(letter)
        await dead.drop(letter)
        assert await dead.get(letter.number) is None
        assert await letters(broker) == []

    async def test_what_nobody_would_take_stays_a_dead_letter(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        jetstream = broker.connection().jetstream
        dead = DeadLetters(jetstream, ["test"])
        async with consuming(Broken()):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker))
        await jetstream.delete_consumer(LINKS.name, "test")
        with pytest.raises(NotReplayable, match="there is no consumer test"):
            await dead.replay(letter)
        await jetstream.add_consumer(
            LINKS.name, ConsumerConfig(durable_name="test", filter_subject="links.added")
        )
        with pytest.raises(NotReplayable, match="start its worker once"):
            await dead.replay(letter)
        assert (await jetstream.stream_info(DEAD_LETTERS.name)).state.messages == 1

    async def test_a_consumer_of_an_older_version_takes_replays_once_it_has_been_started(
        self, broker: Broker, publisher: Publisher, consuming: Running
    ) -> None:
        await broker.connection().jetstream.add_consumer(
            LINKS.name, ConsumerConfig(durable_name="test", filter_subjects=["links.>"])
        )
        handle = Broken()
        dead = DeadLetters(broker.connection().jetstream, ["test"])
        async with consuming(handle):
            await publisher.publish([event(1)])
            [letter] = await eventually(lambda: letters(broker))
            handle.mended = True
            await dead.replay(letter)
            await eventually(lambda: handle.handled)
