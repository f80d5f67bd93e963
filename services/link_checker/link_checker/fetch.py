"""Requests by libcurl: no redirect followed, nothing carried over, every address vetted.

What is forbidden whatever a name resolves to is refused before the name is looked up.

`OPENSOCKETFUNCTION` hands us each address that a host resolved to, just before the connection to
it; no proxy, cookie, password or earlier connection is used, so there is no other way out.
"""

import ssl
import threading
from typing import Any, Final

import certifi
import pycurl

from delinkcious.live import Varying, now
from link_checker.domain import Outcome
from link_checker.network import AddressPolicy
from link_checker.page import Page
from link_checker.request import Answer, Method, NoAnswer, Request
from link_checker.urls import WebUrl

_QUICK_EXIT: Final = 322  # CURLOPT_QUICK_EXIT, for which pycurl has no name
_PROTOCOLS: Final = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS


def trusted_authorities() -> str:
    """Returns the file of the certificate authorities to trust: the one that SSL_CERT_FILE names,
    or the system's, or else certifi's.
    """
    return ssl.get_default_verify_paths().cafile or certifi.where()


class Fetcher:
    """Makes requests; safe to share between threads.

    Args:
        policy: where requests may go.
        connect_timeout: seconds until the connection stands.
        max_bytes: after so much of a body that nobody wants the rest is not read.
        stop: breaks off the requests under way when set.
    """

    def __init__(
        self,
        policy: Varying[AddressPolicy],
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

    def fetch(
        self, method: Method, url: WebUrl, seconds: float, page: Page | None = None
    ) -> Answer:
        """Makes a request, which may take so many seconds.

        Args:
            page: takes in the body of a good answer; whether all of it arrives is then no matter.

        Raises:
            NoAnswer: it failed.
            BrokenOff: the process is stopping.
        """
        policy = now(self._policy)
        if policy.forbids(url.host, url.port):
            raise NoAnswer(Outcome.FORBIDDEN_ADDRESS)
        of_the_web = policy.is_of_the_web(url.host, url.port)
        handle = self._handle()
        self._configure(handle, seconds)
        with Request(policy, self._max_bytes, self._stop, page, of_the_web=of_the_web) as request:
            request.configure(handle, method, url)
            try:
                handle.perform()
            except pycurl.error as error:
                if not request.is_answered_despite(error):
                    self._discard()
                    raise request.failure(handle, error) from None
            return request.answer

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
