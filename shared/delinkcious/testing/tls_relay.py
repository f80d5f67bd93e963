"""Puts TLS in front of servers whose embedded builds have none: Postgres and Redis.

It speaks with clients as those servers do when they are built with TLS, asks each for a certificate
of its CA, and passes on to the server unencrypted, on the loopback interface.

As a program: ``python -m delinkcious.testing.tls_relay postgres 127.0.0.1:15433 127.0.0.1:15432
ca.pem relay.pem relay.key``.
"""

import asyncio
import ssl
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final, Literal

from delinkcious.config import Address, TlsFiles

Kind = Literal["postgres", "redis"]

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_GSS_REQUEST: Final = struct.pack("!ii", 8, 80877104)
_CHUNK: Final = 65_536
_BROKEN: Final = (OSError, ssl.SSLError, EOFError)


class _Refused(EOFError):
    """The client does not want encryption."""


@contextmanager
def relaying(kind: Kind, server: Address, files: TlsFiles) -> Iterator[Address]:
    """Runs a relay to a server on a free port, as long as the context lasts."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        listener = await _listen(kind, Address("127.0.0.1", 0), server, files)
        port = listener.sockets[0].getsockname()[1]
        started.set_result((asyncio.get_running_loop(), stop, port))
        await stop.wait()
        listener.close()
        await _end_all()

    thread = Thread(target=asyncio.run, args=[serve()], name="tls-relay", daemon=True)
    thread.start()
    loop, stop, port = started.result(10)
    try:
        yield Address("127.0.0.1", port)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _end_all() -> None:
    """Ends the connections, so that the loop closes with nothing open."""
    await asyncio.sleep(0.01)  # who came just now begins: one that never did would close nothing
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # transports close in the turns that follow


async def _listen(kind: Kind, address: Address, server: Address, files: TlsFiles) -> asyncio.Server:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled at the end: asyncio would complain of a task that says so.
        with suppress(*_BROKEN, asyncio.CancelledError):
            if kind == "postgres":
                await _negotiate(reader, writer)
            await writer.start_tls(_context(files))
            await _pass_on(reader, writer, server)
        writer.transport.abort()

    return await asyncio.start_server(relay, address.host, address.port)


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    assert files.cert is not None
    context.load_cert_chain(files.cert, files.key)
    return context


async def _negotiate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers what a client of Postgres sends before it encrypts."""
    while (request := await reader.readexactly(8)) != _SSL_REQUEST:
        if request != _GSS_REQUEST:
            raise _Refused
        writer.write(b"N")
    writer.write(b"S")
    await writer.drain()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Address
) -> None:
    answers, questions = await asyncio.open_connection(server.host, server.port)
    tasks = [
        asyncio.create_task(_copy(reader, questions)),
        asyncio.create_task(_copy(answers, writer)),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        questions.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(*_BROKEN):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()


async def _run(kind: Kind, address: Address, server: Address, files: TlsFiles) -> None:
    async with await _listen(kind, address, server, files) as listener:
        await listener.serve_forever()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host, int(port))


if __name__ == "__main__":
    given: Kind = "postgres" if sys.argv[1] == "postgres" else "redis"
    with suppress(KeyboardInterrupt):
        certificates = TlsFiles(*map(Path, sys.argv[4:7]))
        listening, served = map(_address, sys.argv[2:4])
        asyncio.run(_run(given, listening, served, certificates))
