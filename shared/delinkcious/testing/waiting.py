"""Wait for a condition instead of sleeping, and find ports nobody uses."""

import asyncio
import inspect
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

# Below the range from which the kernel takes the ports of outgoing connections (32768 and up on
# Linux): none of them can take a port between the moment it is found and the moment it is used.
_CANDIDATES = range(20_000, 32_000)
_handed_out: set[int] = set()


def wait_until(
    condition: Callable[[], T | None],
    timeout: float = 10,
    interval: float = 0.02,
    message: str = "",
) -> T:
    """Call the condition until its result is true, and return that result.

    Raises TimeoutError when it is false after `timeout` seconds; what the condition raises passes.
    """
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() >= deadline:
            raise TimeoutError(_complaint(condition, timeout, message))
        time.sleep(interval)
    return result


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]],
    timeout: float = 10,  # noqa: ASYNC109
    interval: float = 0.02,
    message: str = "",
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T | None],
    timeout: float = 10,  # noqa: ASYNC109
    interval: float = 0.02,
    message: str = "",
) -> T: ...


async def eventually(
    condition: Callable[[], Awaitable[T | None] | T | None],
    timeout: float = 10,  # noqa: ASYNC109 - the condition is polled, never cancelled
    interval: float = 0.02,
    message: str = "",
) -> T:
    """As `wait_until`, for asyncio: the condition may be a plain or an async callable."""
    deadline = time.monotonic() + timeout
    while not (result := await _resolved(condition())):
        if time.monotonic() >= deadline:
            raise TimeoutError(_complaint(condition, timeout, message))
        await asyncio.sleep(interval)
    return result


async def _resolved(value: Awaitable[T | None] | T | None) -> T | None:
    return await value if inspect.isawaitable(value) else value


def _complaint(condition: object, timeout: float, message: str) -> str:
    waited_for = message or getattr(condition, "__qualname__", repr(condition))
    return f"not within {timeout:g} s: {waited_for}"


def free_port() -> int:
    """A TCP port of the loopback interface that is free, and was not handed out before."""
    while True:
        port = random.choice(_CANDIDATES)
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
