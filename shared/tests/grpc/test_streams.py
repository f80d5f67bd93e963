"""Calls that stream, through the client: how they fail, and how either side ends them."""

from threading import Timer
from time import monotonic

import pytest

from delinkcious.config import Address
from delinkcious.errors import InvalidArgument, Unavailable
from delinkcious.grpc.client import GrpcClient
from delinkcious.testing.waiting import free_port

from .conftest import Serve, watch_news


def test_answers_come_as_they_are_made(client: GrpcClient) -> None:
    answers = iter(watch_news(client))
    assert not next(answers).HasField("event")


def test_an_error_comes_back_as_it_was(client: GrpcClient) -> None:
    with pytest.raises(InvalidArgument) as error:
        next(iter(watch_news(client, "")))
    assert [violation.field for violation in error.value.violations] == ["username"]


def test_a_peer_that_is_away_is_unavailable() -> None:
    client = GrpcClient("news-manager", Address("127.0.0.1", free_port()))
    with pytest.raises(Unavailable):
        next(iter(watch_news(client)))
    client.close()


def test_who_waits_for_an_answer_gets_none_when_the_call_is_closed(client: GrpcClient) -> None:
    stream = watch_news(client)
    answers = iter(stream)
    next(answers)
    Timer(0.1, stream.close).start()
    assert list(answers) == []


def test_a_service_ends_its_streams_when_it_is_stopped(serve: Serve) -> None:
    with serve(grace_period=20) as peer:
        client = peer.client()
        answers = iter(watch_news(client))
        next(answers)
        started = monotonic()
    assert list(answers) == []
    assert monotonic() - started < 10
    client.close()
