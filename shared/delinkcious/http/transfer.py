"""One HTTP exchange by libcurl, on a connection of its own, that goes on only while somebody asks.

An ordinary call is over in one go, and its body fits into memory. Here either side may take its
time: whoever reads the answer, or whoever has still to give what is sent. So nothing limits the
whole; but a peer that is waited for, and does nothing for a while, has failed.
"""

import select
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any, Final

import pycurl

_CHUNK: Final = 32 * 1024  # libcurl takes up to some hundred of them in one go
_LAST_WORDS: Final = 1.0
_NOT_DUE: Final = -1
_EVENTS: Final = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}


class Failure(Exception):
    """The peer did not answer the call; ``sent`` tells whether it may have acted on it."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Body:
    """What is sent: chunks, each of them fetched when libcurl has sent the one before.

    They are fetched while libcurl is not at work: it could pass on no error, and would count the
    time against the peer.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.wanted = False
        self._chunks = iter(chunks)
        self._rest: memoryview | None = memoryview(b"")

    def fetch(self) -> None:
        """Waits for the next chunk."""
        self.wanted = False
        chunk = next((chunk for chunk in self._chunks if chunk), None)
        self._rest = None if chunk is None else memoryview(chunk)

    def read(self, size: int) -> bytes | int:
        """Gives libcurl what is there; nothing means the end."""
        if self._rest is None:
            return b""
        if not self._rest:
            self.wanted = True
            return int(pycurl.READFUNC_PAUSE)
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)


class Transfer:
    """An exchange that has begun; to be closed, whatever becomes of it.

    Args:
        curl: a handle with everything set but where bodies come from and go to.
        patience: seconds for which the peer may do nothing while it is waited for.
        body: what to send, if anything.

    Attributes:
        status: of the answer; 0 until it has come.
        headers: of the answer, by their names in lower case.
        done: whether the answer is complete.
    """

    def __init__(self, curl: Any, patience: float, body: Body | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.done = False
        self._received: deque[bytes] = deque()
        self._closed = False
        self._curl = curl
        self._patience = patience
        self._body = body
        self._socket: socket.socket | None = None
        self._due: float | None = None
        self._poll = select.poll()
        self._multi = multi = pycurl.CurlMulti()
        curl.setopt(pycurl.BUFFERSIZE, _CHUNK)
        curl.setopt(pycurl.WRITEFUNCTION, self._received.append)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        if body is not None:
            curl.setopt(pycurl.READFUNCTION, body.read)
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        multi.add_handle(curl)

    def advance(self) -> None:
        """Waits until the peer did something, or can be sent something, and takes care of it.

        Raises:
            Failure: the peer did nothing for too long, broke off, or was not reached.
            Exception: the one that came instead of what was to be sent.
        """
        body = self._body
        if body is not None and body.wanted:
            body.fetch()
            self._curl.pause(pycurl.PAUSE_CONT)
        patient_until = monotonic() + self._patience
        while not self.done:
            now = monotonic()
            if now >= patient_until:
                raise Failure(f"nothing came for {self._patience:g} s", sent=True)
            wait_until = patient_until if self._due is None else min(patient_until, self._due)
            ready = self._poll.poll(max(0, wait_until - now) * 1000)
            self._act(ready)
            if ready or (body is not None and body.wanted):
                return

    def take(self) -> bytes:
        """Returns what comes next of the answer's body, as soon as it comes; at the end nothing.

        Raises:
            Failure: as `advance`.
        """
        while not (self._received or self.done):
            self.advance()
        return self._received.popleft() if self._received else b""

    def close(self) -> None:
        """Closes the connection."""
        if not self._closed:
            self._closed = True
            self._multi.remove_handle(self._curl)
            self._multi.close()
            self._curl.close()
            if self._socket is not None:
                self._socket.close()

    def _act(self, ready: list[tuple[int, int]]) -> None:
        for descriptor, events in ready:
            self._multi.socket_action(descriptor, _mask(events))
        if self._due is not None and monotonic() >= self._due:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self.status = self._curl.getinfo(pycurl.RESPONSE_CODE)
        _, complete, failed = self._multi.info_read()
        for _, number, reason in failed:
            if number != pycurl.E_SEND_ERROR or not self._hear_last_words():
                raise Failure(reason, sent=True)
        self.done = bool(complete or failed)

    def _hear_last_words(self) -> bool:
        """Reads what a peer has answered that refused to take it all, and hung up.

        libcurl reads before it sends, but if the answer comes between the two, or while a chunk is
        fetched, all it knows is that it cannot send. The answer is still there.
        """
        if self._socket is None or self.status:
            return False
        self._socket.settimeout(_LAST_WORDS)
        answer = HTTPResponse(self._socket)
        with suppress(OSError, HTTPException):
            answer.begin()
            self._received.append(answer.read())
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            self.status = answer.status
        return self.status > 0

    def _open_socket(self, _purpose: int, address: Any) -> socket.socket:
        """Keeps a socket that is open even when libcurl has closed its own."""
        self._socket = socket.socket(address.family, address.socktype, address.protocol)
        return self._socket

    def _watch(self, what: int, descriptor: int, *_: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poll.unregister(descriptor)
        else:
            self._poll.register(descriptor, _EVENTS[what])

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds == _NOT_DUE else monotonic() + milliseconds / 1000

    def _take_header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.headers[name.lower()] = value.strip()


def _mask(events: int) -> int:
    mask = pycurl.CSELECT_IN if events & select.POLLIN else 0
    mask |= pycurl.CSELECT_OUT if events & select.POLLOUT else 0
    mask |= pycurl.CSELECT_ERR if events & (select.POLLERR | select.POLLHUP) else 0
    return int(mask)
