"""The HTTP client that every REST client of a service stands on.

libcurl, with one handle for each thread, keeps connections alive and costs a fraction of the CPU of
the pure Python clients (ADR-0004). Around it: connect and read timeouts, retries with jitter for
calls that are safe to repeat, a circuit breaker, mutual authentication, and the trace context.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import pybreaker
import pycurl
import stamina
import structlog

from delinkcious import errors, tracing
from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, Unavailable
from delinkcious.metrics import BREAKER_OPEN, CLIENT_DURATION

logger = structlog.get_logger()

_SAFE: Final = frozenset({"GET", "HEAD"})
_NOT_SENT: Final = frozenset({pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST})
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class Reply:
    """A response with a status below 400."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Returns the decoded body."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to wait, how often to try again, and when to stop trying.

    Args:
        connect_timeout: seconds until the connection stands.
        timeout: seconds until the whole response is there, each attempt.
        attempts: at most, for calls that are safe to repeat.
        breaker_failures: in a row, after which calls are refused at once.
        breaker_seconds: until one call may try again.
    """

    connect_timeout: float = 1.0
    timeout: float = 5.0
    attempts: int = 3
    breaker_failures: int = 5
    breaker_seconds: float = 1.0


class _Failure(Exception):
    """The peer did not answer the call; ``sent`` tells whether it may have acted on it."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class _BreakerListener(pybreaker.CircuitBreakerListener):
    def __init__(self, peer: str) -> None:
        self._peer = peer
        BREAKER_OPEN.labels(peer).set(0)

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:  # noqa: ARG002
        BREAKER_OPEN.labels(self._peer).set(new_state.name == pybreaker.STATE_OPEN)
        logger.warning("circuit_breaker", peer=self._peer, state=new_state.name)


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
        self._local = threading.local()
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=self._policy.breaker_failures,
            reset_timeout=self._policy.breaker_seconds,
            listeners=[_BreakerListener(peer)],
        )

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
            retry: whether the call may be sent twice; by default only if the method is safe.

        Raises:
            DelinkciousError: the one that the peer answered with.
            Unavailable: the peer did not answer, or the breaker is open.
        """
        url = self._base + path + (f"?{_encode(query)}" if query else "")
        body = None if json is None else orjson.dumps(json)
        repeatable = method in _SAFE if retry is None else retry
        try:
            return self._attempt(method, url, body)
        except _Failure as failure:
            if not (repeatable or not failure.sent):
                raise self._unavailable(failure) from None
            first = failure
        return self._retry(method, url, body, repeatable, first)

    def check(self) -> None:
        """Raises `Unavailable` unless the peer accepts connections; for readiness."""
        handle = pycurl.Curl()
        try:
            handle.setopt(pycurl.URL, self._base)
            handle.setopt(pycurl.CONNECT_ONLY, 1)
            handle.setopt(pycurl.CONNECTTIMEOUT_MS, 1000)
            handle.setopt(pycurl.NOSIGNAL, 1)
            handle.setopt(pycurl.PROXY, "")
            handle.perform()
        except pycurl.error as error:
            raise Unavailable(str(error.args[1])) from None
        finally:
            handle.close()

    def _retry(
        self, method: str, url: str, body: bytes | None, repeatable: bool, first: _Failure
    ) -> Reply:
        """Tries again with growing, jittered pauses; the first attempt has failed already."""
        failure = first
        try:
            for attempt in stamina.retry_context(
                on=lambda error: isinstance(error, _Failure) and (repeatable or not error.sent),
                attempts=max(1, self._policy.attempts - 1),
                timeout=self._policy.timeout * 2,
                wait_initial=0.02,
                wait_max=0.5,
                wait_jitter=0.05,
            ):
                with attempt:
                    return self._attempt(method, url, body)
        except _Failure as last:
            failure = last
        raise self._unavailable(failure)

    def _attempt(self, method: str, url: str, body: bytes | None) -> Reply:
        try:
            status, answer, content_type = self._breaker.call(self._perform, method, url, body)
        except pybreaker.CircuitBreakerError:
            raise Unavailable(
                f"{self.peer} does not answer; not asked again for a moment.",
                retry_after=self._policy.breaker_seconds,
            ) from None
        if status >= _ERROR:
            raise _error(self.peer, status, answer, content_type)
        return Reply(status, answer)

    def _perform(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes, str]:
        handle = self._handle()
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
            raise _Failure(str(error.args[1]), sent=error.args[0] not in _NOT_SENT) from None
        finally:
            CLIENT_DURATION.labels(self.peer, method, str(status)).observe(perf_counter() - started)
        if status in _UNAVAILABLE:
            raise _Failure(f"HTTP status {status}", sent=True)
        return status, answer.getvalue(), handle.getinfo(pycurl.CONTENT_TYPE) or ""

    def _handle(self) -> pycurl.Curl:
        handle: pycurl.Curl | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = pycurl.Curl()
            handle.setopt(pycurl.NOSIGNAL, 1)
            handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._policy.connect_timeout * 1000))
            handle.setopt(pycurl.TIMEOUT_MS, int(self._policy.timeout * 1000))
            handle.setopt(pycurl.MAXFILESIZE, _MAX_RESPONSE_BYTES)
            handle.setopt(pycurl.PROXY, "")
            handle.setopt(pycurl.TCP_NODELAY, 1)
        return handle

    def _headers(self, body: bytes | None) -> list[str]:
        headers = [f"{name}: {value}" for name, value in tracing.inject().items()]
        if self._token is not None:
            headers.append(f"{CALLER_TOKEN_HEADER}: {self._token}")
        if body is not None:
            headers.append("Content-Type: application/json")
            headers.append("Expect:")
        return headers

    def _unavailable(self, failure: _Failure) -> Unavailable:
        logger.warning("peer_unavailable", peer=self.peer, reason=str(failure))
        return Unavailable(f"{self.peer} does not answer.", retry_after=1)


def _encode(query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return urlencode(given, doseq=True)


def _error(peer: str, status: int, answer: bytes, content_type: str) -> DelinkciousError:
    if content_type.startswith(errors.PROBLEM_JSON):
        error = errors.from_problem(orjson.loads(answer))
        # What a peer holds against us is our mistake, not our caller's.
        if not isinstance(error, errors.Unauthenticated | errors.PermissionDenied):
            return error
    logger.error("peer_refused", peer=peer, status=status)
    return DelinkciousError(f"{peer} answered with status {status}.")
