"""The standard health and reflection services, which ask for no token."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from delinkcious.health import Health, NotReady

from .conftest import Serve

NEWS = "delinkcious.news.v1.News"
Response = health_pb2.HealthCheckResponse


class Process:
    """The health of a process that misses something, or does not."""

    def __init__(self) -> None:
        self.missing = False
        self.health = Health()
        self.health.add("redis", self._check)
        self.health.started()

    def _check(self) -> None:
        if self.missing:
            raise NotReady("gone")


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def channel(process: Process, serve: Serve) -> Iterator[grpc.Channel]:
    with (
        serve(health=process.health) as peer,
        grpc.insecure_channel(str(peer.address)) as channel,
    ):
        yield channel


def check(channel: grpc.Channel, service: str = "") -> Any:
    request = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status


@pytest.mark.parametrize("service", ["", NEWS])
def test_a_ready_process_serves(service: str, channel: grpc.Channel) -> None:
    assert check(channel, service) == Response.SERVING


@pytest.mark.parametrize("service", ["", NEWS])
def test_a_process_that_misses_something_does_not(
    service: str, channel: grpc.Channel, process: Process
) -> None:
    process.missing = True
    assert check(channel, service) == Response.NOT_SERVING


def test_a_process_that_drains_does_not(channel: grpc.Channel, process: Process) -> None:
    process.health.drain()
    assert check(channel) == Response.NOT_SERVING


def test_a_service_that_is_not_here_is_unknown(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as error:
        check(channel, "delinkcious.news.v2.News")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_all_services_are_listed(channel: grpc.Channel) -> None:
    listed = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=5)
    assert listed.statuses[NEWS].status == Response.SERVING


def test_a_watcher_learns_of_every_change(
    monkeypatch: pytest.MonkeyPatch, channel: grpc.Channel, process: Process
) -> None:
    monkeypatch.setattr("delinkcious.grpc.health._LOOK_EVERY", 0.01)
    request = health_pb2.HealthCheckRequest(service=NEWS)
    watched = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=20)
    assert next(watched).status == Response.SERVING
    process.missing = True
    assert next(watched).status == Response.NOT_SERVING
    process.missing = False
    assert next(watched).status == Response.SERVING


def test_a_watcher_does_not_hold_up_the_end(serve: Serve) -> None:
    """It is told, and let go, though the server would wait a minute for calls to end."""
    with ExitStack() as stack:
        with serve(grace_period=60) as peer:
            channel = stack.enter_context(grpc.insecure_channel(str(peer.address)))
            watched = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(), timeout=30
            )
            assert next(watched).status == Response.SERVING
        assert [answer.status for answer in watched] == [Response.NOT_SERVING]


def test_reflection_tells_what_is_served(channel: grpc.Channel) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    [answer] = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        iter([request]), timeout=5
    )
    names = {service.name for service in answer.list_services_response.service}
    assert {NEWS, "grpc.health.v1.Health"} <= names


def test_reflection_tells_how_to_call_it(channel: grpc.Channel) -> None:
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=NEWS)
    [answer] = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        iter([request]), timeout=5
    )
    described = answer.file_descriptor_response.file_descriptor_proto
    files = [FileDescriptorProto.FromString(file) for file in described]
    methods = [method.name for file in files for s in file.service for method in s.method]
    assert methods == ["GetNews", "WatchNews"]
