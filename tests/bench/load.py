"""A load generator: some connections, each sending its next request when it has its answer.

It shares the processors with what it measures, so it does as little as it can: a general client
would take three times as much for each request.
"""

import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

_CHUNK: Final = 64 * 1024
_STATUS: Final = b"HTTP/1.1 200 "
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "
_PATIENCE: Final = 10.0


@dataclass(frozen=True)
class Load:
    """What a load measured; times are in seconds."""

    requests_per_second: float
    latencies: Sequence[float]

    def quantile(self, part: float) -> float:
        """Returns the latency that this part of the requests stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def generate(url: str, *, connections: int, seconds: float, headers: Sequence[str] = ()) -> Load:
    """Reads a URL as often as it is answered, over connections that are kept alive.

    Raises:
        RuntimeError: something else came than a status of 200 with a length, or nothing for long.
    """
    address, request = _request(url, headers)
    latencies: list[float] = []
    with _connected(address, connections) as (poll, clients):
        started = perf_counter()
        for client in clients.values():
            client.send(request)
        while (now := perf_counter()) - started < seconds:
            ready = poll.poll(_PATIENCE)
            if not ready:
                raise RuntimeError(f"nothing was answered for {_PATIENCE:.0f} s")
            for number, _ in ready:
                if (latency := clients[number].receive()) is not None:
                    latencies.append(latency)
                    clients[number].send(request)
    return Load(len(latencies) / (now - started), latencies)


class _Client:
    """One connection, and the answer that is coming over it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answer = b""
        self._length: int | None = None
        self._sent = 0.0

    def send(self, request: bytes) -> None:
        """Sends a request, whose answer `receive` will tell of."""
        self._answer, self._length = b"", None
        self._sent = perf_counter()
        self._connection.sendall(request)

    def receive(self) -> float | None:
        """Takes what has come; returns the latency once that is the whole answer."""
        piece = self._connection.recv(_CHUNK)
        if not piece:
            raise RuntimeError("a connection was closed")
        self._answer += piece
        if self._length is None:
            self._length = _length_of(self._answer)
        if self._length is None or len(self._answer) < self._length:
            return None
        return perf_counter() - self._sent


def _length_of(answer: bytes) -> int | None:
    """Returns how long an answer is, head and all, once its head is there."""
    end = answer.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = answer[: end + 2].lower()
    at = head.find(_LENGTH)
    if not answer.startswith(_STATUS) or at < 0:
        raise RuntimeError(f"a request was answered with {answer[:end].decode(errors='replace')}")
    begin = at + len(_LENGTH)
    return end + len(_END_OF_HEAD) + int(head[begin : head.index(b"\r", begin)])


def _request(url: str, headers: Sequence[str]) -> tuple[tuple[str, int], bytes]:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", "Accept: */*", *headers, "", ""]
    return (parts.hostname or "", parts.port or 80), "\r\n".join(lines).encode()


@contextmanager
def _connected(
    address: tuple[str, int], number: int
) -> Iterator[tuple[select.epoll, dict[int, _Client]]]:
    with ExitStack() as opened:
        poll = opened.enter_context(closing(select.epoll()))
        clients = {}
        for _ in range(number):
            connection = opened.enter_context(socket.create_connection(address, timeout=_PATIENCE))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(connection, select.EPOLLIN)
            clients[connection.fileno()] = _Client(connection)
        yield poll, clients
