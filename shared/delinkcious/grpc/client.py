"""The gRPC client that every gRPC client of a service stands on; for threads.

Around the generated stubs: a deadline for each call, retries with jitter where the caller allows
them, a circuit breaker, mutual authentication, encryption, the trace context, and errors as ours.
One channel is one HTTP/2 connection, which the library opens at the first call and again after
every loss. With new certificates comes a new channel; calls that go on keep the one they have.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

import grpc
import structlog

from delinkcious import tracing
from delinkcious.auth import Credential, constant
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, Unavailable
from delinkcious.grpc.callers import CALLER_TOKEN_KEY
from delinkcious.grpc.metrics import CLIENT_DURATION
from delinkcious.grpc.status import from_rpc_error
from delinkcious.policy import Policy
from delinkcious.tls import PLAIN, Material, Tls

logger = structlog.get_logger()

Answer = TypeVar("Answer")
Stub = TypeVar("Stub")

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
# CANCELLED comes from a server that stops, of calls that it had not begun with.
_PASSING: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_FAILURES: Final = _PASSING | {grpc.StatusCode.DEADLINE_EXCEEDED}


class _Failure(Exception):
    """The peer did not answer, or said that it cannot now."""

    def __init__(self, code: grpc.StatusCode, error: DelinkciousError, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.may_pass = code in _PASSING
        self.error = error


@dataclass(frozen=True, slots=True)
class _Line:
    """A channel, with what is made for it, as long as its certificates are those of the moment."""

    channel: grpc.Channel
    material: Material | None
    stubs: dict[Any, Any] = field(default_factory=dict)


class GrpcClient:
    """Calls one peer. Safe to share between threads.

    Args:
        peer: the peer's service name, for logs, metrics and errors.
        token: the mutual authentication token for that peer, if it asks for one, or what gives it.
        tls: set, the peer is spoken to over TLS only, and has to prove who it is.
    """

    def __init__(
        self,
        peer: str,
        address: Address,
        *,
        token: Credential | str | None = None,
        policy: Policy | None = None,
        tls: Tls = PLAIN,
    ) -> None:
        self.peer = peer
        self._address = address
        self._tls = tls
        self._token = token if callable(token) else constant(token)
        self._policy = policy or Policy()
        self._breaker = self._policy.breaker(peer, on=_Failure)
        self._renewing = threading.Lock()
        self._line = self._open()

    @property
    def channel(self) -> grpc.Channel:
        """The channel of this moment."""
        return self._current().channel

    def stub(self, make: Callable[[grpc.Channel], Stub]) -> Stub:
        """Returns the generated stub of a service, for the next call."""
        line = self._current()
        stub: Stub | None = line.stubs.get(make)
        if stub is None:
            stub = line.stubs[make] = make(line.channel)
        return stub

    def call(
        self,
        name: str,
        method: Callable[..., Answer],
        request: Any,
        *,
        retry: bool = False,
    ) -> Answer:
        """Calls and returns the answer.

        Args:
            name: of the method, for metrics.
            method: of the generated stub on `channel`.
            retry: whether the call may be made twice; only one that changes nothing should.

        Raises:
            DelinkciousError: the one that the peer answered with.
            Unavailable: the peer did not answer in time, or the breaker is open.
        """
        try:
            return self._policy.attempt(
                lambda: self._attempt(name, method, request),
                lambda error: retry and isinstance(error, _Failure) and error.may_pass,
            )
        except _Failure as failure:
            logger.warning("peer_unavailable", peer=self.peer, reason=str(failure))
            raise failure.error from None

    def stream(self, name: str, method: Callable[..., Any], request: Any) -> "GrpcStream[Any]":
        """Calls a method that streams its answers, for as long as that takes.

        A peer that is gone shows by the connection's keepalive; nothing is tried again.

        Args:
            name: of the method, for metrics.
            method: of the generated stub on `channel`.
        """
        call = method(request, metadata=self._metadata())
        return GrpcStream(self.peer, name, call, self._stream_error)

    def check(self) -> None:
        """Raises `Unavailable` unless the peer accepts connections; for readiness."""
        try:
            socket.create_connection((self._address.host, self._address.port), 1).close()
        except OSError as error:
            raise Unavailable(str(error)) from None

    def close(self) -> None:
        """Closes the connection."""
        self._line.channel.close()

    def _open(self) -> "_Line":
        material = self._tls.current
        return _Line(_channel(self.peer, self._address, material, self._policy), material)

    def _current(self) -> "_Line":
        if self._tls.current is not self._line.material:
            with self._renewing:
                if self._tls.current is not self._line.material:
                    self._line = self._open()  # the one before is closed after its last call
        return self._line

    def _attempt(self, name: str, method: Callable[..., Answer], request: Any) -> Answer:
        with self._breaker.guard():
            started = perf_counter()
            code = grpc.StatusCode.OK
            try:
                return method(request, timeout=self._policy.timeout, metadata=self._metadata())
            except grpc.RpcError as error:
                code = error.code()
                raise self._translated(error) from None
            finally:
                CLIENT_DURATION.labels(self.peer, name, code.name).observe(perf_counter() - started)

    def _metadata(self) -> list[tuple[str, str]]:
        metadata = list(tracing.inject().items())
        if (token := self._token()) is not None:
            metadata.append((CALLER_TOKEN_KEY, token))
        return metadata

    def _stream_error(self, error: grpc.RpcError) -> DelinkciousError:
        translated = self._translated(error)
        if isinstance(translated, _Failure):
            logger.warning("peer_unavailable", peer=self.peer, reason=str(translated))
            return translated.error
        return translated

    def _translated(self, error: grpc.RpcError) -> "DelinkciousError | _Failure":
        ours = from_rpc_error(self.peer, error)
        if error.code() in _FAILURES:
            return _Failure(error.code(), ours, error.details() or "")
        if type(ours) is DelinkciousError:
            logger.error("peer_refused", peer=self.peer, status=error.code().name)
        return ours


def _channel(
    peer: str, address: Address, material: Material | None, policy: Policy
) -> grpc.Channel:
    if material is None:
        return grpc.insecure_channel(str(address), _options(policy))
    credentials = grpc.ssl_channel_credentials(material.ca, material.key, material.cert)
    options = [*_options(policy), ("grpc.ssl_target_name_override", peer)]
    return grpc.secure_channel(str(address), credentials, options)


def _options(policy: Policy) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
        ("grpc.min_reconnect_backoff_ms", int(policy.connect_timeout * 1000)),  # to connect
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # A peer that comes back may have another address; 30 s is how long gRPC would not look.
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_http_proxy", 0),
    ]


class GrpcStream(Generic[Answer]):
    """The answers of one call, as they come. Iterating raises what `GrpcClient.call` does."""

    def __init__(
        self,
        peer: str,
        name: str,
        call: Any,
        translate: Callable[[grpc.RpcError], DelinkciousError],
    ) -> None:
        self._peer = peer
        self._name = name
        self._call = call
        self._translate = translate
        self._closed = False

    def __iter__(self) -> Iterator[Answer]:
        started, code = perf_counter(), grpc.StatusCode.OK
        try:
            yield from self._call
        except grpc.RpcError as error:
            code = error.code()
            if not self._closed:
                raise self._translate(error) from None
        finally:
            self.close()
            duration = perf_counter() - started
            CLIENT_DURATION.labels(self._peer, self._name, code.name).observe(duration)

    def close(self) -> None:
        """Ends the call; whoever waits for an answer gets none."""
        self._closed = True
        self._call.cancel()
