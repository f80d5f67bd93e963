"""The command ``dead-letters``, run as an operator runs it."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson
import pytest

from delinkcious.messaging import Backoff, Broker, Consumer, Event, MalformedEvent, Publisher
from delinkcious.messaging.streams import DEAD_LETTERS, LINKS
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.process import environment, run_command
from delinkcious.testing.settings import nats_settings
from delinkcious.testing.waiting import eventually, free_port

SERVICE = dedent("""
    from typing import ClassVar

    from delinkcious.config import BrokerSettings
    from delinkcious.dead_letters import dead_letters
    from delinkcious.service import run


    class Settings(BrokerSettings):
        service_name: ClassVar[str] = "probe"


    if __name__ == "__main__":
        run(Settings, roles={}, commands={"dead-letters": dead_letters(["one", "other"])})
""")
MODULE = "probe_dead_letters_service"

pytestmark = pytest.mark.integration

Finished = subprocess.CompletedProcess[str]
Run = Callable[..., "asyncio.Future[Finished]"]


class Consumers:
    """Two consumers of the same events, which fail until they are mended."""

    def __init__(self, broker: Broker) -> None:
        self.mended = False
        self.handled: dict[str, list[int]] = {"one": [], "other": []}
        self._broker = broker
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._run(name)) for name in self.handled]

    async def _run(self, name: str) -> None:
        async def handle(event: Event) -> None:
            if not self.mended:
                raise MalformedEvent.of("n", "\x1b[31mis red")
            self.handled[name].append(event.data["n"])

        consumer = Consumer(
            self._broker,
            stream=LINKS,
            name=name,
            subjects=["links.*"],
            handle=handle,
            backoff=Backoff(0.05, 0.1),
        )
        await consumer.run(self._stop)

    async def stop(self) -> None:
        """Ends them."""
        self._stop.set()
        await asyncio.gather(*self._tasks)


@pytest.fixture
async def consumers(broker: Broker) -> AsyncIterator[Consumers]:
    """Both run, and have given up on three events each."""
    consumers = Consumers(broker)
    events = [
        Event(type=f"links.{what}", source="/test", key=f"k{n}", data={"n": n})
        for n, what in enumerate(("added", "updated", "added"))
    ]
    await Publisher(broker).publish(events)
    await eventually(lambda: stored(broker, 6))
    yield consumers
    await consumers.stop()


async def stored(broker: Broker, number: int) -> bool:
    """Whether there are so many dead letters."""
    state = (await broker.connection().jetstream.stream_info(DEAD_LETTERS.name)).state
    return state.messages == number


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service."""
    folder = tmp_path_factory.mktemp("service")
    (folder / f"{MODULE}.py").write_text(SERVICE)
    return folder


@pytest.fixture
def env(code: Path, nats_address: NatsAddress) -> dict[str, str]:
    return {"PYTHONPATH": str(code), **nats_settings(nats_address), "PORT": str(free_port())}


@pytest.fixture
def command(env: dict[str, str]) -> Run:
    """Runs the command with these arguments to its end."""

    async def finished(*arguments: str, **changed: str) -> Finished:
        given = {**env, **changed}
        return await asyncio.to_thread(
            run_command, MODULE, "dead-letters", given, arguments=arguments
        )

    return finished  # type: ignore[return-value]


def lines(done: Finished) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in done.stdout.splitlines()]


async def test_it_lists_a_line_each(consumers: Consumers, command: Run) -> None:
    done = await command("list")
    heading, *rows = done.stdout.splitlines()
    assert done.returncode == 0
    assert heading.split()[:4] == ["NUMBER", "DIED", "CONSUMER", "SUBJECT"]
    assert len(rows) == 6
    assert {row.split()[2] for row in rows} == {"one", "other"}
    assert all(row.endswith("MalformedEvent: n: \ufffd[31mis red") for row in rows)


async def test_it_ends_quietly_when_nobody_reads_on(
    consumers: Consumers, env: dict[str, str]
) -> None:
    program = [sys.executable, "-m", MODULE, "dead-letters", "list"]
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *program, env=environment(env), stdin=-3, stdout=theirs, stderr=-1
    )
    os.close(theirs)
    os.close(ours)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"BrokenPipe" not in said


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], 6),
        (["--consumer", "one"], 3),
        (["--subject", "links.added"], 4),
        (["--subject", "links.*", "--consumer", "other"], 3),
        (["--older-than", "1h"], 0),
        (["--newer-than", "1h"], 6),
    ],
)
async def test_it_lists_what_the_filters_leave_as_json(
    consumers: Consumers, command: Run, arguments: Sequence[str], found: int
) -> None:
    done = await command("list", "--json", *arguments)
    assert (done.returncode, len(lines(done))) == (0, found)


async def test_it_shows_the_event_of_an_id_with_its_data(
    consumers: Consumers, command: Run
) -> None:
    first = lines(await command("list", "--json", "--consumer", "one"))[0]
    by_number = await command("show", str(first["number"]), "--json")
    [shown] = lines(by_number)
    assert {**shown, **first} == shown
    assert shown["data"] == {"n": 0}
    assert shown["headers"]["ce-id"] == first["event_id"]
    by_event = await command("show", first["event_id"], "--json")
    assert [each["consumer"] for each in lines(by_event)] == ["one", "other"]
    page = await command("show", str(first["number"]))
    assert orjson.loads(page.stdout) == shown


@pytest.mark.parametrize("action", ["list", "show", "replay", "drop"])
async def test_an_id_that_is_not_there_is_named(
    consumers: Consumers, command: Run, action: str
) -> None:
    done = await command(action, "4711")
    assert done.returncode == 1
    assert "there is no dead letter 4711" in done.stderr.splitlines()


@pytest.mark.parametrize("action", ["replay", "drop"])
async def test_who_changes_something_must_say_what(
    consumers: Consumers, command: Run, broker: Broker, action: str
) -> None:
    done = await command(action)
    assert done.returncode == 2
    assert "say which: ids, filters, or --all" in done.stderr
    assert await stored(broker, 6)


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["list", "--consumer", "stranger"], ["list", "--older-than", "x"]]
)
async def test_wrong_usage_is_explained(command: Run, arguments: Sequence[str]) -> None:
    done = await command(*arguments)
    assert done.returncode == 2
    assert "usage: probe dead-letters" in done.stderr


async def test_a_broker_that_is_not_there_is_one_line(command: Run, monkeypatch: Any) -> None:
    done = await command("list", NATS_CLUSTER_SERVICE_PORT=str(free_port()))
    assert done.returncode == 69
    assert done.stderr.splitlines()[-1] == "probe: the event broker does not answer"


async def test_a_replayed_event_goes_to_its_consumer_and_is_no_dead_letter_any_more(
    consumers: Consumers, command: Run, broker: Broker
) -> None:
    consumers.mended = True
    done = await command("replay", "--consumer", "one", "--subject", "links.added", "--json")
    assert (done.returncode, [each["result"] for each in lines(done)]) == (0, ["replayed"] * 2)
    await eventually(lambda: sorted(consumers.handled["one"]) == [0, 2])
    assert consumers.handled["other"] == []
    assert await stored(broker, 4)


async def test_what_fails_again_is_a_dead_letter_again(
    consumers: Consumers, command: Run, broker: Broker
) -> None:
    before = {each["number"] for each in lines(await command("list", "--json"))}
    assert (await command("replay", "--all")).returncode == 0
    await eventually(lambda: stored(broker, 6))
    after = lines(await command("list", "--json"))
    assert not before & {each["number"] for each in after}
    assert sorted(each["subject"] for each in after) == ["links.added"] * 4 + ["links.updated"] * 2


async def test_what_cannot_be_replayed_stays_and_the_rest_is_replayed(
    consumers: Consumers, command: Run, broker: Broker
) -> None:
    consumers.mended = True
    await consumers.stop()
    await broker.connection().jetstream.delete_consumer(LINKS.name, "other")
    done = await command("replay", "--all", "--json")
    assert done.returncode == 1
    results = [(each["consumer"], each["result"], each["detail"]) for each in lines(done)]
    assert sorted(results, key=str) == [
        *[("one", "replayed", None)] * 3,
        *[("other", "failed", "there is no consumer other")] * 3,
    ]
    assert await stored(broker, 3)


async def test_nothing_is_dropped_without_a_yes(
    consumers: Consumers, command: Run, broker: Broker
) -> None:
    done = await command("drop", "--all")
    assert done.returncode == 2
    assert "nothing dropped: say --yes to drop 6 for good" in done.stderr
    assert await stored(broker, 6)


async def test_what_is_dropped_is_gone_and_nothing_else(
    consumers: Consumers, command: Run, broker: Broker
) -> None:
    done = await command("drop", "--consumer", "one", "--yes")
    assert (done.returncode, done.stdout.count("dropped")) == (0, 3)
    assert {each["consumer"] for each in lines(await command("list", "--json"))} == {"other"}


@pytest.mark.parametrize(("answer", "left", "status"), [("y", 0, 0), ("n", 6, 2), ("", 6, 2)])
async def test_a_person_is_asked(
    consumers: Consumers,
    env: dict[str, str],
    broker: Broker,
    answer: str,
    left: int,
    status: int,
) -> None:
    terminal, stdin = pty.openpty()
    arguments = [sys.executable, "-m", MODULE, "dead-letters", "drop", "--all"]
    process = await asyncio.create_subprocess_exec(
        *arguments, env=environment(env), stdin=stdin, stdout=-3, stderr=-1
    )
    assert process.stderr is not None
    await process.stderr.readuntil(b"Drop 6 for good? [y/N] ")
    os.write(terminal, f"{answer}\n".encode())
    await process.stderr.read()
    assert await process.wait() == status
    assert await stored(broker, left)
    os.close(terminal)
    os.close(stdin)


async def test_a_replay_that_is_killed_anywhere_loses_nothing_and_can_be_repeated(
    consumers: Consumers, command: Run, env: dict[str, str], broker: Broker
) -> None:
    more = [
        Event(type="links.added", source="/test", key=f"k{n}", data={"n": n}) for n in range(3, 150)
    ]
    await Publisher(broker).publish(more)
    await eventually(lambda: stored(broker, 300))
    consumers.mended = True
    for killed_after in (1, 20, 50):
        arguments = [sys.executable, "-m", MODULE, "dead-letters", "replay", "--all"]
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment(env), stdin=-3, stdout=-1, stderr=-3
        )
        assert process.stdout is not None
        for _ in range(killed_after):
            assert await process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert (await command("replay", "--all")).returncode == 0
    assert await stored(broker, 0)
    await eventually(lambda: all(len(each) == 150 for each in consumers.handled.values()))
    for numbers in consumers.handled.values():
        assert sorted(numbers) == list(range(150))  # each once: the broker knew the repetitions
