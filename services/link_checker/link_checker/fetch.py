"""One request of a check, by libcurl: no redirect followed, nothing kept, every address vetted.

`OPENSOCKETFUNCTION` hands us each address that a host resolved to, just before the connection to
it; no proxy, cookie, password or earlier connection is used, so there is no other way out.
"""

import errno
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import certifi
import pycurl

from link_checker.domain import Outcome
from link_checker.network import AddressPolicy
from link_checker.urls import WebUrl

Method = Literal["HEAD", "GET"]

_QUICK_EXIT: Final = 322  # CURLOPT_QUICK_EXIT, for which pycurl has no name
_PROTOCOLS: Final = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_HEADER_BYTES: Final = 64 * 1024
_NO_SOCKET: Final = int(pycurl.SOCKET_BAD)
_OUTCOMES: Final = {
    pycurl.E_COULDNT_RESOLVE_HOST: Outcome.DNS,
    pycurl.E_OPERATION_TIMEDOUT: Outcome.TIMEOUT,
    pycurl.E_SSL_CONNECT_ERROR: Outcome.TLS,
    pycurl.E_SSL_CIPHER: Outcome.TLS,
    pycurl.E_SSL_INVALIDCERTSTATUS: Outcome.TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Outcome.TLS,
    pycurl.E_WRITE_ERROR: Outcome.TOO_LARGE,  # we would not read so many headers
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


def trusted_authorities() -> str:
    """Returns the file of the certificate authorities to trust: the one that SSL_CERT_FILE names,
    or the system's, or else certifi's.
    """
    return ssl.get_default_verify_paths().cafile or certifi.where()


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a response.

    Attributes:
        location: the absolute URL that it redirects to.
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


class Fetcher:
    """Makes requests; safe to share between threads.

    Args:
        connect_timeout: seconds until the connection stands.
        max_bytes: after so much of a body the rest is not read.
        stop: breaks off the requests under way when set.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        user_agent: str,
        connect_timeout: float,
        max_bytes: int,
        stop: threading.Event,
        authorities: str | None = None,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._connect_timeout = connect_timeout
        self._max_bytes = max_bytes
        self._stop = stop
        self._authorities = authorities or trusted_authorities()
        self._local = threading.local()

    def fetch(self, method: Method, url: WebUrl, seconds: float) -> Answer:
        """Makes a request, which may take so many seconds.

        Raises:
            NoAnswer: it failed.
            BrokenOff: the process is stopping.
        """
        handle = self._handle()
        self._configure(handle, seconds)
        with _Request(self._policy, self._max_bytes, self._stop) as request:
            request.configure(handle, method, url)
            try:
                handle.perform()
            except pycurl.error as error:
                if not request.read_enough:
                    self._discard()
                    raise request.failure(handle, error) from None
        return _answer(handle)

    def _handle(self) -> Any:
        """Returns the thread's handle, which saves reading the authorities for each request."""
        handle = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = pycurl.Curl()
        handle.reset()
        return handle

    def _discard(self) -> None:
        """Forgets the thread's handle: a name server that does not answer may keep it busy."""
        del self._local.handle

    def _configure(self, handle: Any, seconds: float) -> None:
        """Sets what is the same for all requests."""
        for option, value in (
            (pycurl.USERAGENT, self._user_agent),
            (pycurl.CAINFO, self._authorities),
            (pycurl.TIMEOUT_MS, max(1, int(seconds * 1000))),
            (pycurl.CONNECTTIMEOUT_MS, max(1, int(min(seconds, self._connect_timeout) * 1000))),
            (pycurl.PROTOCOLS, _PROTOCOLS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP09_ALLOWED, 0),
            (pycurl.PROXY, ""),
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
            (pycurl.DNS_CACHE_TIMEOUT, 0),
            (pycurl.SSL_SESSIONID_CACHE, 0),
            (pycurl.NOSIGNAL, 1),
            (_QUICK_EXIT, 1),
        ):
            handle.setopt(option, value)


class _Request:
    """What libcurl asks us during one request, and what we tell it."""

    def __init__(self, policy: AddressPolicy, max_bytes: int, stop: threading.Event) -> None:
        self._policy = policy
        self._unread = max_bytes
        self._unread_headers = _MAX_HEADER_BYTES
        self._stop = stop
        self._refused = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets:  # pycurl works with duplicates
            opened.close()

    @property
    def read_enough(self) -> bool:
        """Whether it was us who ended the transfer, being content."""
        return self._unread <= 0

    def configure(self, handle: Any, method: Method, url: WebUrl) -> None:
        handle.setopt(pycurl.URL, url.text)
        handle.setopt(pycurl.NOBODY if method == "HEAD" else pycurl.HTTPGET, 1)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        handle.setopt(pycurl.HEADERFUNCTION, self._read_header)
        handle.setopt(pycurl.WRITEFUNCTION, self._read)
        handle.setopt(pycurl.XFERINFOFUNCTION, self._is_stopped)
        handle.setopt(pycurl.NOPROGRESS, 0)

    def _open_socket(self, _purpose: int, address: Any) -> socket.socket | int:
        """Returns a socket to connect to an address with, or none; must not raise."""
        family, kind, protocol, endpoint = address
        if family not in (socket.AF_INET, socket.AF_INET6):
            return _NO_SOCKET
        if not self._policy.permits(endpoint[0]):
            self._refused = True
            return _NO_SOCKET
        try:
            self._sockets.append(socket.socket(family, kind, protocol))
        except OSError:  # no IPv6 here, for one
            return _NO_SOCKET
        return self._sockets[-1]

    def _read_header(self, line: bytes) -> int:
        self._unread_headers -= len(line)
        return 0 if self._unread_headers < 0 else len(line)

    def _read(self, data: bytes) -> int:
        """Takes in, and forgets, a part of the body; less than all of it ends the transfer."""
        self._unread -= len(data)
        return 0 if self.read_enough else len(data)

    def _is_stopped(self, *_progress: int) -> bool:
        return self._stop.is_set()

    def failure(self, handle: Any, error: pycurl.error) -> Exception:
        """Returns what libcurl's error means."""
        code = error.args[0]
        if code == pycurl.E_ABORTED_BY_CALLBACK:
            return BrokenOff()
        if code == pycurl.E_COULDNT_CONNECT:
            return NoAnswer(Outcome.FORBIDDEN_ADDRESS if self._refused else _unconnected(handle))
        if code not in _OUTCOMES:
            return RuntimeError(f"libcurl: {error}")  # ours to mend: options, memory, authorities
        return NoAnswer(
            _OUTCOMES[code],
            status=handle.getinfo(pycurl.RESPONSE_CODE) or None,
            sent=handle.getinfo(pycurl.REQUEST_SIZE) > 0,
        )


def _unconnected(handle: Any) -> Outcome:
    errno_ = handle.getinfo(pycurl.OS_ERRNO)
    return Outcome.REFUSED if errno_ == errno.ECONNREFUSED else Outcome.UNREACHABLE


def _answer(handle: Any) -> Answer:
    status = handle.getinfo(pycurl.RESPONSE_CODE)
    location = handle.getinfo_raw(pycurl.REDIRECT_URL) if status in _REDIRECTS else None
    return Answer(status, location)
