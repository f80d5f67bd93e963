"""The HTTP client that every REST client of a service stands on.

libcurl, with one handle for each thread, keeps connections alive and costs a fraction of the CPU of
the pure Python clients (ADR-0004). Around it: connect and read timeouts, retries with jitter for
calls that are safe to repeat, a circuit breaker, mutual authentication, and the trace context.
"""

import select
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import orjson
import pycurl
import structlog

from delinkcious import errors, tracing
from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, Unavailable
from delinkcious.metrics import CLIENT_DURATION, Children
from delinkcious.policy import Policy

logger = structlog.get_logger()

_GOOD: Final = range(200, 300)
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NO_SOCKET: Final = -1
_MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
_quote: Final = lru_cache(maxsize=1024)(quote_plus)  # most names and values come again and again
_durations: Final = Children(CLIENT_DURATION)
_SEND: Final[int] = pycurl.PREREQFUNC_OK
_REFUSE: Final[int] = pycurl.PREREQFUNC_ABORT


@dataclass(frozen=True, slots=True)
class Reply:
    """A response with a status of 2xx."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Returns the decoded body."""
        return orjson.loads(self.body)


class _Failure(Exception):
    """The peer did not answer the call; ``sent`` tells whether it may have acted on it."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class _Line(threading.local):
    """A thread's way to the peer: its handle, and what became of the call in progress.

    libcurl sends a call again by itself when a connection that it had kept turns out to be lost,
    whatever the method and whether or not the peer has acted on it. For a call that may not be
    sent twice, it has to ask before it sends, and begins anew if the peer has hung up.
    """

    def __init__(self, policy: Policy) -> None:
        self.sent = False
        self._repeatable = True
        self._curl = curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(policy.connect_timeout * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(policy.timeout * 1000))
        curl.setopt(pycurl.MAXFILESIZE, _MAX_RESPONSE_BYTES)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.TCP_NODELAY, 1)

    def begin(self, *, repeatable: bool) -> pycurl.Curl:
        """Returns the handle, for one call."""
        if repeatable != self._repeatable:
            self._repeatable = repeatable
            # Asking costs a hand-over of the interpreter lock, so reads go without.
            asks = None if repeatable else self._may_send
            self._curl.setopt(pycurl.PREREQFUNCTION, asks)
            self._curl.setopt(pycurl.FRESH_CONNECT, 0)
        self.sent = repeatable
        if not repeatable:
            self._curl.setopt(pycurl.FRESH_CONNECT, self._is_lost())
        return self._curl

    def _is_lost(self) -> bool:
        """Tells whether the peer has closed the connection, by a look at its socket (1 µs)."""
        socket = self._curl.getinfo(pycurl.ACTIVESOCKET)
        if socket == _NO_SOCKET:
            return False
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        return bool(poll.poll(0))

    def _may_send(self, *_addresses: object) -> int:
        if self.sent:
            return _REFUSE
        self.sent = True
        return _SEND


class HttpClient:
    """Calls one peer. Safe to share between threads.

    Args:
        peer: the peer's service name, for logs, metrics and errors.
        token: the mutual authentication token for that peer, if it asks for one.
    """

    def __init__(
        self, peer: str, address: Address, *, token: str | None = None, policy: Policy | None = None
    ) -> None:
        self.peer = peer
        self._base = f"http://{address}"
        self._token = token
        self._policy = policy or Policy()
        self._line = _Line(self._policy)
        self._breaker = self._policy.breaker(peer, on=_Failure)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Reply:
        """Reads; tries again when that may help."""
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        retry: bool | None = None,
    ) -> Reply:
        """Calls and returns the reply.

        Args:
            query: parameters; a list repeats its name, None leaves it out.
            retry: whether the call may be sent twice; by default only if it reads.

        Raises:
            DelinkciousError: the one that the peer answered with.
            Unavailable: the peer did not answer, or the breaker is open.
        """
        url = self._base + path + _encode(query or {})
        body = None if json is None else orjson.dumps(json)
        repeatable = method == "GET" if retry is None else retry
        try:
            return self._policy.attempt(
                lambda: self._attempt(method, url, body, repeatable),
                lambda error: isinstance(error, _Failure) and (repeatable or not error.sent),
            )
        except _Failure as failure:
            logger.warning("peer_unavailable", peer=self.peer, reason=str(failure))
            raise Unavailable(f"{self.peer} does not answer.", retry_after=1) from None

    def check(self) -> None:
        """Raises `Unavailable` unless the peer accepts connections; for readiness."""
        handle = pycurl.Curl()
        try:
            handle.setopt(pycurl.URL, self._base)
            handle.setopt(pycurl.CONNECT_ONLY, 1)
            handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._policy.connect_timeout * 1000))
            handle.setopt(pycurl.NOSIGNAL, 1)
            handle.setopt(pycurl.PROXY, "")
            handle.perform()
        except pycurl.error as error:
            raise Unavailable(str(error.args[1])) from None
        finally:
            handle.close()

    def _attempt(self, method: str, url: str, body: bytes | None, repeatable: bool) -> Reply:
        with self._breaker.guard():
            status, answer, content_type = self._perform(method, url, body, repeatable)
        if status not in _GOOD:
            raise _error(self.peer, status, answer, content_type)
        return Reply(status, answer)

    def _perform(
        self, method: str, url: str, body: bytes | None, repeatable: bool
    ) -> tuple[int, bytes, str]:
        line = self._line
        handle = line.begin(repeatable=repeatable)
        answer = BytesIO()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.setopt(pycurl.HTTPHEADER, self._headers(body))
        if body is None:
            handle.setopt(pycurl.HTTPGET, 1)
        else:
            handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.CUSTOMREQUEST, method)
        started = perf_counter()
        status = 0
        try:
            handle.perform()
            status = handle.getinfo(pycurl.RESPONSE_CODE)
        except pycurl.error as error:
            raise _Failure(str(error.args[1]), sent=line.sent) from None
        finally:
            _durations[self.peer, method, status].observe(perf_counter() - started)
        if status in _UNAVAILABLE:
            raise _Failure(f"HTTP status {status}", sent=True)
        return status, answer.getvalue(), handle.getinfo(pycurl.CONTENT_TYPE) or ""

    def _headers(self, body: bytes | None) -> list[str]:
        headers = ["Expect:"]  # nothing of the kind is sent; and pycurl takes no notice of no list
        headers += [f"{name}: {value}" for name, value in tracing.inject().items()]
        if self._token is not None:
            headers.append(f"{CALLER_TOKEN_HEADER}: {self._token}")
        if body is not None:
            headers.append("Content-Type: application/json")
        return headers


def _encode(query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    encoded = urlencode(given, doseq=True, quote_via=_quote)
    return f"?{encoded}" if encoded else ""


def _problem(answer: bytes, content_type: str) -> dict[str, Any] | None:
    if not content_type.startswith(errors.PROBLEM_JSON):
        return None
    try:
        document = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _error(peer: str, status: int, answer: bytes, content_type: str) -> DelinkciousError:
    problem = _problem(answer, content_type)
    if problem is not None:
        error = errors.from_problem(problem)
        # What a peer holds against us is our mistake, not our caller's.
        if not isinstance(error, errors.Unauthenticated | errors.PermissionDenied):
            return error
    logger.error("peer_refused", peer=peer, status=status)
    return DelinkciousError(f"{peer} answered with status {status}.")
