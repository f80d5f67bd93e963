"""The streams: what holds a subject, and making them in a broker."""

import asyncio
from datetime import timedelta
from typing import Final

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError

from delinkcious.messaging.streams import (
    AUDIT,
    DEAD_LETTERS,
    DUPLICATE_WINDOW,
    LINKS,
    STREAMS,
    Retention,
    ensure_streams,
    stream_of,
)
from delinkcious.testing.addresses import NatsAddress

KEPT: Final = Retention()


@pytest.mark.parametrize("subject", ["links.added", "links.check.requested"])
def test_a_subject_belongs_to_the_stream_of_its_domain(subject: str) -> None:
    assert stream_of(subject) is LINKS


@pytest.mark.parametrize("subject", ["", "links", "links.", "orders.added", "link.added"])
def test_other_subjects_belong_to_no_stream(subject: str) -> None:
    with pytest.raises(ValueError, match="no stream"):
        stream_of(subject)


@pytest.mark.integration
class TestEnsure:
    async def test_streams_are_durable_and_recognise_duplicates(
        self, nats_address: NatsAddress
    ) -> None:
        client = await nats.connect(nats_address.url)
        await ensure_streams(client.jetstream(), KEPT)
        for stream in STREAMS:
            config = (await client.jetstream().stream_info(stream.name)).config
            assert config.subjects == stream.subjects
            assert config.storage == StorageType.FILE
            assert config.retention == RetentionPolicy.LIMITS
            assert config.max_age == KEPT.of(stream).total_seconds()
            assert config.duplicate_window == DUPLICATE_WINDOW.total_seconds()
        await client.close()

    async def test_many_processes_may_make_them_at_once(self, nats_address: NatsAddress) -> None:
        clients = [await nats.connect(nats_address.url) for _ in range(8)]
        await asyncio.gather(*(ensure_streams(client.jetstream(), KEPT) for client in clients))
        names = [info.name for info in await _configs(clients[0].jetstream())]
        assert sorted(map(str, names)) == sorted(stream.name for stream in STREAMS)
        for client in clients:
            await client.close()

    async def test_an_old_stream_is_brought_up_to_date_and_keeps_what_an_operator_set(
        self, nats_address: NatsAddress
    ) -> None:
        client = await nats.connect(nats_address.url)
        jetstream = client.jetstream()
        await jetstream.add_stream(
            name=LINKS.name, subjects=["links.added"], max_bytes=10_000_000, max_age=60
        )
        await jetstream.publish("links.added", b"kept")
        await ensure_streams(jetstream, KEPT)
        info = await jetstream.stream_info(LINKS.name)
        assert info.config.subjects == ["links.>", "replay.links.>"]
        assert info.config.max_age == KEPT.events.total_seconds()
        assert info.config.max_bytes == 10_000_000
        assert info.state.messages == 1
        await client.close()

    async def test_a_stream_keeps_events_as_long_as_it_is_told(
        self, nats_address: NatsAddress
    ) -> None:
        client = await nats.connect(nats_address.url)
        for hours in (50, 30):
            kept = Retention(timedelta(hours=hours), timedelta(hours=2 * hours))
            await ensure_streams(client.jetstream(), kept)
            ages = {each.name: each.max_age for each in await _configs(client.jetstream())}
            assert ages[LINKS.name] == hours * 3600
            assert ages[DEAD_LETTERS.name] == 2 * hours * 3600
        await client.close()


@pytest.mark.integration
async def test_nobody_can_take_an_entry_out_of_the_audit_trail(nats_address: NatsAddress) -> None:
    client = await nats.connect(nats_address.url)
    jetstream = client.jetstream()
    await ensure_streams(jetstream, KEPT)
    await ensure_streams(jetstream, Retention(timedelta(hours=2)))  # which may still change
    await jetstream.publish("audit.recorded", b"{}")
    with pytest.raises(APIError, match="not permitted"):
        await jetstream.delete_msg(AUDIT.name, 1)
    with pytest.raises(APIError, match="not permitted"):
        await jetstream.purge_stream(AUDIT.name)
    info = await jetstream.stream_info(AUDIT.name)
    assert (info.state.messages, info.config.max_age) == (1, 7200)
    await client.close()


async def _configs(jetstream: JetStreamContext) -> list[StreamConfig]:
    return [info.config for info in await jetstream.streams_info()]
