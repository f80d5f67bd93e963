"""The HTTP client that every REST client of a service stands on.

libcurl, with one handle for each thread, keeps connections alive and costs a fraction of the CPU of
the pure Python clients (ADR-0004). Around it: connect and read timeouts, retries with jitter for
calls that are safe to repeat, a circuit breaker, mutual authentication, encryption, and the trace
context.

What is too large for memory, either way, goes as a stream over a connection of its own, for as long
as it keeps moving; the breaker hears of its beginning only.
"""

import select
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote_plus

import orjson
import pycurl
import structlog

from delinkcious import errors, tracing
from delinkcious.auth import CALLER_TOKEN_HEADER, Credential, constant
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, Unavailable
from delinkcious.http.route import Route
from delinkcious.http.transfer import Body, Failure, Transfer
from delinkcious.metrics import CLIENT_DURATION, Children
from delinkcious.policy import Policy
from delinkcious.tls import PLAIN, Tls

logger = structlog.get_logger()

_GOOD: Final = range(200, 300)
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NO_SOCKET: Final = -1
_JSON: Final = "application/json"
_MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
_quote: Final = lru_cache(maxsize=1024)(quote_plus)  # most values come again and again
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


class StreamedReply(Iterator[bytes]):
    """A response with a status of 2xx whose body comes in chunks, as fast as they are asked for.

    To be closed by whoever does not read it to its end: that closes the connection.

    Raises, while it is read:
        Unavailable: the peer broke off. What has come until then is not the whole.
    """

    def __init__(self, peer: str, transfer: Transfer, first: bytes) -> None:
        self.status = transfer.status
        self.headers: Mapping[str, str] = transfer.headers
        self._peer = peer
        self._transfer = transfer
        self._first = first

    def __next__(self) -> bytes:
        chunk, self._first = self._first or self._take(), b""
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Stops reading; more than once does no harm."""
        self._transfer.close()

    def _take(self) -> bytes:
        try:
            return self._transfer.take()
        except Failure as failure:
            self.close()
            logger.warning("peer_broke_off", peer=self._peer, reason=str(failure))
            raise Unavailable(f"{self._peer} broke off in the middle of its answer.") from None


class _Line(threading.local):
    """A thread's way to the peer: its handle, and what became of the call in progress.

    libcurl sends a call again by itself when a connection that it had kept turns out to be lost,
    whatever the method and whether or not the peer has acted on it. For a call that may not be
    sent twice, it has to ask before it sends, and begins anew if the peer has hung up.
    """

    def __init__(self, policy: Policy, route: Route) -> None:
        self.sent = False
        self._repeatable = True
        self._method = ""
        self._has_body = False
        self._route = route
        self._material = route.material
        self._curl = curl = route.handle(policy)
        curl.setopt(pycurl.TIMEOUT_MS, int(policy.timeout * 1000))
        curl.setopt(pycurl.MAXFILESIZE, _MAX_RESPONSE_BYTES)

    def begin(self, method: str, body: bytes | None, *, repeatable: bool) -> pycurl.Curl:
        """Returns the handle, for one call."""
        if body is not None:
            self._curl.setopt(pycurl.POSTFIELDS, body)
        elif self._has_body:
            self._curl.setopt(pycurl.HTTPGET, 1)
        self._has_body = body is not None
        if method != self._method:
            self._method = method
            self._curl.setopt(pycurl.CUSTOMREQUEST, method)
        if self._route.material is not self._material:
            self._material = self._route.secure(self._curl)
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
        headers: what else goes along; asked for at each call.
        token: the mutual authentication token for that peer, if it asks for one, or what gives it.
        tls: set, the peer is spoken to over TLS only, and has to prove who it is.
    """

    def __init__(
        self,
        peer: str,
        address: Address,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        token: Credential | str | None = None,
        policy: Policy | None = None,
        tls: Tls = PLAIN,
    ) -> None:
        self._more_headers = headers
        self.peer = peer
        self._route = Route(peer, address, tls)
        self._base = self._route.base
        self._token = token if callable(token) else constant(token)
        self._policy = policy or Policy()
        self._line = _Line(self._policy, self._route)
        self._breaker = self._policy.breaker(peer, on=Failure)

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
            query: parameters; a list or tuple repeats its name, None leaves it out.
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
                lambda error: isinstance(error, Failure) and (repeatable or not error.sent),
            )
        except Failure as failure:
            raise self._unavailable(failure) from None

    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> StreamedReply:
        """Reads what may be of any size; tries again when that may help, until the first chunk.

        Raises:
            DelinkciousError: the one that the peer answered with.
            Unavailable: the peer did not answer, or the breaker is open.
        """
        url = self._base + path + _encode(query or {})
        try:
            return self._policy.attempt(
                lambda: self._begin(url), lambda error: isinstance(error, Failure)
            )
        except Failure as failure:
            raise self._unavailable(failure) from None

    def upload(
        self,
        method: str,
        path: str,
        chunks: Iterable[bytes],
        content_type: str,
        *,
        query: Mapping[str, Any] | None = None,
        length: int | None = None,
    ) -> Reply:
        """Sends a body of any size as its chunks come, once, and returns the reply.

        A body that fails to come breaks the request off. A peer that is a WSGI server cannot tell
        that from its end unless it knows the length, or the content itself says where it ends.

        Args:
            length: how long the body is; None sends it in HTTP's own chunks.

        Raises:
            DelinkciousError: the one that the peer answered with, if need be before all was sent.
            Unavailable: the peer did not answer, or the breaker is open.
            Exception: what ``chunks`` raises.
        """
        url = self._base + path + _encode(query or {})
        handle = self._handle_for(url, content_type)
        handle.setopt(pycurl.UPLOAD, 1)
        handle.setopt(pycurl.INFILESIZE_LARGE, -1 if length is None else length)
        handle.setopt(pycurl.CUSTOMREQUEST, method)
        body = Body(chunks)
        try:
            with closing(Transfer(handle, self._policy.patience, body)) as transfer:
                return self._send(method, transfer, body)
        except Failure as failure:
            raise self._unavailable(failure) from None

    def check(self) -> None:
        """Raises `Unavailable` unless the peer accepts connections; for readiness."""
        handle = self._route.handle(self._policy)
        try:
            handle.setopt(pycurl.URL, self._base)
            handle.setopt(pycurl.CONNECT_ONLY, 1)
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
        handle = line.begin(method, body, repeatable=repeatable)
        answer = BytesIO()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.setopt(pycurl.HTTPHEADER, self._headers(None if body is None else _JSON))
        started = perf_counter()
        status = 0
        try:
            handle.perform()
            status = handle.getinfo(pycurl.RESPONSE_CODE)
        except pycurl.error as error:
            raise Failure(str(error.args[1]), sent=line.sent) from None
        finally:
            _durations[self.peer, method, status].observe(perf_counter() - started)
        if status in _UNAVAILABLE:
            raise Failure(f"HTTP status {status}", sent=True)
        return status, answer.getvalue(), handle.getinfo(pycurl.CONTENT_TYPE) or ""

    def _headers(self, content_type: str | None) -> list[str]:
        headers = ["Expect:"]  # nothing of the kind is sent; and pycurl takes no notice of no list
        headers += [f"{name}: {value}" for name, value in tracing.inject().items()]
        headers += [f"{name}: {value}" for name, value in self._more_headers().items()]
        if (token := self._token()) is not None:
            headers.append(f"{CALLER_TOKEN_HEADER}: {token}")
        if content_type is not None:
            headers.append(f"Content-Type: {content_type}")
        return headers

    def _handle_for(self, url: str, content_type: str | None) -> Any:
        handle = self._route.handle(self._policy)
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.HTTPHEADER, self._headers(content_type))
        return handle

    def _begin(self, url: str) -> StreamedReply:
        transfer = Transfer(self._handle_for(url, None), self._policy.patience)
        try:
            with self._breaker.guard():
                with self._measured("GET", transfer):
                    first = transfer.take()
                _raise_if_unavailable(transfer)
            self._raise_unless_good(transfer, first)
        except BaseException:
            transfer.close()
            raise
        return StreamedReply(self.peer, transfer, first)

    def _send(self, method: str, transfer: Transfer, body: Body) -> Reply:
        with self._measured(method, transfer):
            with self._breaker.guard():
                while not (body.wanted or transfer.done):
                    transfer.advance()
            answer = transfer.take()
        _raise_if_unavailable(transfer)
        self._raise_unless_good(transfer, answer)
        return Reply(transfer.status, _whole(transfer, answer))

    @contextmanager
    def _measured(self, method: str, transfer: Transfer) -> Iterator[None]:
        started = perf_counter()
        status = 0
        try:
            yield
            status = transfer.status
        finally:
            _durations[self.peer, method, status].observe(perf_counter() - started)

    def _raise_unless_good(self, transfer: Transfer, answer: bytes) -> None:
        if transfer.status not in _GOOD:
            content_type = transfer.headers.get("content-type", "")
            raise _error(self.peer, transfer.status, _whole(transfer, answer), content_type)

    def _unavailable(self, failure: Failure) -> Unavailable:
        logger.warning("peer_unavailable", peer=self.peer, reason=str(failure))
        return Unavailable(f"{self.peer} does not answer.", retry_after=1)


def _raise_if_unavailable(transfer: Transfer) -> None:
    if transfer.status in _UNAVAILABLE:
        raise Failure(f"HTTP status {transfer.status}", sent=True)


def _whole(transfer: Transfer, answer: bytes) -> bytes:
    """Returns an answer of which the beginning is there. None that is waited for is large."""
    while (chunk := transfer.take()) and len(answer) < _MAX_RESPONSE_BYTES:
        answer += chunk
    return answer


def _encode(query: Mapping[str, Any]) -> str:
    """Returns parameters as they stand in a URL; the names are ours, and need no quoting."""
    pairs = []
    for name, value in query.items():
        if isinstance(value, list | tuple):
            pairs += [f"{name}={_quote(str(part))}" for part in value]
        elif value is not None:
            pairs.append(f"{name}={_quote(str(value))}")
    return f"?{'&'.join(pairs)}" if pairs else ""


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
