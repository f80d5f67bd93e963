"""The connection to NATS, which comes back for ever."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from nats.errors import ConnectionClosedError
from structlog.testing import capture_logs

from delinkcious.errors import Unavailable
from delinkcious.health import NotReady
from delinkcious.messaging import Broker
from delinkcious.messaging.streams import STREAMS
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import eventually, free_port

pytestmark = pytest.mark.integration


def broker_of(nats_process: RunningServer) -> Broker:
    return Broker(LOOPBACK, nats_process.server.port, "test")


async def stream_names(broker: Broker) -> set[str | None]:
    infos = await broker.connection().jetstream.streams_info()
    return {info.config.name for info in infos}


async def test_without_a_broker_it_says_so_and_why() -> None:
    async with Broker(LOOPBACK, free_port(), "test") as broker:
        await eventually(lambda: _complaint(broker).startswith("ConnectionRefusedError"))
        assert not broker.connected
        with pytest.raises(Unavailable, match="not reachable"):
            broker.connection()


def _complaint(broker: Broker) -> str:
    try:
        broker.check()
    except NotReady as complaint:
        return str(complaint)
    return ""


@pytest.mark.parametrize("steps", range(12))
async def test_it_can_be_closed_at_any_point_of_connecting(steps: int) -> None:
    async with Broker(LOOPBACK, free_port(), "test"):
        for _ in range(steps):
            await _turn()


async def _turn() -> None:
    """Lets everything that is ready run once."""
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


async def test_it_connects_when_the_broker_comes_later(nats_process: RunningServer) -> None:
    nats_process.stop()
    async with broker_of(nats_process) as broker:
        await eventually(lambda: "Refused" in _complaint(broker))
        nats_process.start()
        await eventually(lambda: broker.connected)
        broker.check()


async def test_it_makes_the_streams_before_it_counts_as_connected(
    nats_process: RunningServer,
) -> None:
    async with broker_of(nats_process) as broker:
        await broker.wait_connected()
        assert await stream_names(broker) == {stream.name for stream in STREAMS}


@pytest.mark.parametrize("end", [RunningServer.stop, RunningServer.kill])
async def test_it_comes_back_after_a_restart(nats_process: RunningServer, end: object) -> None:
    async with broker_of(nats_process) as broker:
        before = await broker.wait_connected()
        assert callable(end)
        end(nats_process)
        await eventually(lambda: not broker.connected)
        nats_process.start()
        after = await broker.wait_connected()
        assert before.lost.is_set()
        assert not after.lost.is_set()


async def test_it_makes_the_streams_again_when_the_broker_lost_them(
    nats_process: RunningServer, tmp_path: Path
) -> None:
    async with broker_of(nats_process) as broker:
        await broker.wait_connected()
        nats_process.kill()
        shutil.rmtree(tmp_path / "nats")
        await eventually(lambda: not broker.connected)
        nats_process.start()
        await broker.wait_connected()
        assert await stream_names(broker) == {stream.name for stream in STREAMS}


async def test_what_waits_for_a_lost_connection_ends_at_once(nats_process: RunningServer) -> None:
    async with broker_of(nats_process) as broker:
        connection = await broker.wait_connected()
        waiting = asyncio.create_task(connection.attempt(asyncio.Event().wait()))
        nats_process.kill()
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(waiting, 1)


async def test_a_connection_that_breaks_while_sending_is_told_as_lost(
    nats_process: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delinkcious.messaging.broker._LOOK_INTERVAL", 60)
    async with broker_of(nats_process) as broker:
        connection = await broker.wait_connected()
        nats_process.kill()
        with suppress(ConnectionClosedError):
            while True:
                for _ in range(100):
                    await connection.client.publish("links.added", b"x" * 1000)
                await _turn()
        await asyncio.wait_for(connection.lost.wait(), 5)


async def test_each_change_is_logged_once(nats_process: RunningServer) -> None:
    with capture_logs() as logs:
        async with broker_of(nats_process) as broker:
            connection = await broker.wait_connected()
            nats_process.stop()
            await eventually(lambda: "Refused" in _complaint(broker))
            nats_process.start()
            await eventually(lambda: broker.connected and broker.connection() is not connection)
    events = [log["event"] for log in logs if log["log_level"] != "debug"]
    assert events == [
        "broker_connected",
        "broker_unreachable",
        "broker_connected",
        "broker_disconnected",
    ]


async def test_a_closed_broker_has_sent_what_was_buffered(nats_process: RunningServer) -> None:
    async with broker_of(nats_process) as broker:
        connection = await broker.wait_connected()
        for number in range(100):
            await connection.client.publish("links.added", str(number).encode())
    assert not broker.connected
    async with broker_of(nats_process) as broker:
        await broker.wait_connected()
        info = await broker.connection().jetstream.stream_info("LINKS")
        assert info.state.messages == 100
