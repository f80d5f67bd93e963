"""One request as libcurl sees it: what it asks us while it works, and what its errors mean."""

import errno
import socket
import threading
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import pycurl

from link_checker.domain import Outcome
from link_checker.head import Head
from link_checker.network import AddressPolicy
from link_checker.page import Page
from link_checker.urls import WebUrl

Method = Literal["HEAD", "GET"]

_MAX_HEADER_BYTES: Final = 64 * 1024
_NO_SOCKET: Final = int(pycurl.SOCKET_BAD)
_OUTCOMES: Final = {
    pycurl.E_OPERATION_TIMEDOUT: Outcome.TIMEOUT,
    pycurl.E_SSL_CONNECT_ERROR: Outcome.TLS,
    pycurl.E_SSL_CIPHER: Outcome.TLS,
    pycurl.E_SSL_INVALIDCERTSTATUS: Outcome.TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Outcome.TLS,
    98: Outcome.TLS,  # CURLE_SSL_CLIENTCERT: it wants to see a certificate of ours
    pycurl.E_WRITE_ERROR: Outcome.TOO_LARGE,  # we would not read so many headers
    100: Outcome.TOO_LARGE,  # CURLE_TOO_LARGE: nor would libcurl read such a long one
    pycurl.E_UNSUPPORTED_PROTOCOL: Outcome.BAD_RESPONSE,  # HTTP/0.9: there is no status line
    pycurl.E_FTP_WEIRD_SERVER_REPLY: Outcome.BAD_RESPONSE,
    pycurl.E_HTTP2: Outcome.BAD_RESPONSE,
    pycurl.E_PARTIAL_FILE: Outcome.BAD_RESPONSE,
    pycurl.E_GOT_NOTHING: Outcome.BAD_RESPONSE,
    pycurl.E_SEND_ERROR: Outcome.BAD_RESPONSE,
    pycurl.E_RECV_ERROR: Outcome.BAD_RESPONSE,
    pycurl.E_BAD_CONTENT_ENCODING: Outcome.BAD_RESPONSE,
    92: Outcome.BAD_RESPONSE,  # CURLE_HTTP2_STREAM
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        location: where it redirects to, as the server gave it.
    """

    status: int
    location: bytes | None = None


class NoAnswer(Exception):
    """There was no complete response.

    Attributes:
        status: what the response began with, if it did.
        sent: whether the request reached the server, which may thus have disliked its method.
    """

    def __init__(self, outcome: Outcome, *, status: int | None = None, sent: bool = False) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.status = status
        self.sent = sent


class BrokenOff(Exception):
    """The process is stopping: nothing was found out."""


class Request:
    """Answers libcurl during one request.

    Args:
        of_the_web: whether the URL's host and port are such as the public web has.
        max_bytes: after so much of a body that nobody wants the rest is not read.
        stop: breaks off the request when set.
        page: takes in the body of a good answer; whether all of it arrives is then no matter.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        max_bytes: int,
        stop: threading.Event,
        page: Page | None,
        *,
        of_the_web: bool = True,
    ) -> None:
        self._policy = policy
        self._of_the_web = of_the_web
        self._stop = stop
        self._page = page
        self._max_bytes = self._unread = page.max_bytes if page else max_bytes
        self._head = Head(_MAX_HEADER_BYTES)
        self._has_enough = False
        self._refused = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets:  # pycurl works with duplicates
            opened.close()

    @property
    def answer(self) -> Answer:
        """What the server said."""
        return Answer(self._head.status, self._head.location)

    def configure(self, handle: Any, method: Method, url: WebUrl) -> None:
        """Tells libcurl what to ask for, and whom to ask meanwhile."""
        handle.setopt(pycurl.URL, url.text)
        handle.setopt(pycurl.NOBODY if method == "HEAD" else pycurl.HTTPGET, 1)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        handle.setopt(pycurl.HEADERFUNCTION, self._read_header)
        handle.setopt(pycurl.WRITEFUNCTION, self._read)
        handle.setopt(pycurl.XFERINFOFUNCTION, self._is_to_end)
        handle.setopt(pycurl.NOPROGRESS, 0)
        if self._page:  # asks for no compression, and has libcurl undo what comes all the same
            handle.setopt(pycurl.ACCEPT_ENCODING, "identity")

    def _open_socket(self, _purpose: int, address: Any) -> socket.socket | int:
        """Returns a socket to connect to an address with, or none; must not raise."""
        family, kind, protocol, endpoint = address
        if family not in (socket.AF_INET, socket.AF_INET6):
            return _NO_SOCKET
        if not self._policy.permits(endpoint[0], of_the_web=self._of_the_web):
            self._refused = True
            return _NO_SOCKET
        try:
            self._sockets.append(socket.socket(family, kind, protocol))
        except OSError:  # no IPv6 here, for one
            return _NO_SOCKET
        return self._sockets[-1]

    def _read_header(self, line: bytes) -> int:
        """Takes in a line of the head; less than all of it ends the transfer."""
        if not self._head.read(line):
            return 0
        self._has_enough = self._head.complete and not self._wants_body
        return 0 if self._has_enough else len(line)

    @property
    def _wants_body(self) -> bool:
        page, head = self._page, self._head
        return head.is_good and (page is None or page.wants(head.content_type))

    def _read(self, data: bytes) -> int:
        """Takes in a part of the body; less than all of it ends the transfer."""
        self._unread -= len(data)
        wants_more = self._page.take(data) if self._page else self._unread > 0
        self._has_enough = not wants_more
        return 0 if self._has_enough else len(data)

    def _is_to_end(self, _size: int, transferred: int, *_sent: int) -> bool:
        """Ends the transfer also when too much comes of what unpacks to next to nothing."""
        self._has_enough = self._has_enough or transferred > self._max_bytes
        return self._has_enough or self._stop.is_set()

    def is_answered_despite(self, error: pycurl.error) -> bool:
        """Returns whether it was us who ended the transfer, being content, or only the page, which
        is a bonus, could not be read.
        """
        only_the_page = self._page is not None and self._head.complete
        return self._has_enough or (only_the_page and error.args[0] != pycurl.E_ABORTED_BY_CALLBACK)

    def failure(self, handle: Any, error: pycurl.error) -> Exception:
        """Returns what libcurl's error means."""
        code = error.args[0]
        if code == pycurl.E_ABORTED_BY_CALLBACK:
            return BrokenOff()
        if code == pycurl.E_COULDNT_CONNECT:
            return NoAnswer(Outcome.FORBIDDEN_ADDRESS if self._refused else _unconnected(handle))
        if _is_unresolved(handle, code):  # then nobody says that it is where we may go
            return NoAnswer(Outcome.DNS if self._of_the_web else Outcome.FORBIDDEN_ADDRESS)
        if code not in _OUTCOMES:
            return RuntimeError(f"libcurl: {error}")  # ours to mend: options, memory, authorities
        return NoAnswer(
            _OUTCOMES[code],
            status=self._head.status or None,
            sent=handle.getinfo(pycurl.REQUEST_SIZE) > 0,
        )


def _is_unresolved(handle: Any, code: int) -> bool:
    silent = code == pycurl.E_OPERATION_TIMEDOUT and not handle.getinfo(pycurl.NAMELOOKUP_TIME)
    return silent or code == pycurl.E_COULDNT_RESOLVE_HOST


def _unconnected(handle: Any) -> Outcome:
    errno_ = handle.getinfo(pycurl.OS_ERRNO)
    return Outcome.REFUSED if errno_ == errno.ECONNREFUSED else Outcome.UNREACHABLE
