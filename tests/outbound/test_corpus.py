"""No link leads the link checker to what it must not reach, whatever way it takes.

The rules of the link service and the checker are the real ones; libcurl is, too. That what they
find is recorded is shown by ``tests/e2e/test_outbound.py``.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any, NoReturn

import pycurl
import pytest

from delinkcious.errors import InvalidArgument
from delinkcious.live import Varying
from link_checker.checker import Checker
from link_checker.domain import Finding, Outcome
from link_checker.fetch import Fetcher
from link_checker.network import AddressPolicy, parse_networks
from link_service.domain import normalize_url
from tests.support.outbound import (
    ADDRESSES_OF_NAMES,
    LOCATIONS,
    REFUSED_WHEN_ADDED,
    REFUSED_WHEN_CHECKED,
)

FORBIDDEN = Finding(Outcome.FORBIDDEN_ADDRESS)
NAME = "rebinding.example"
PORTS = (80, 6379)

both = pytest.mark.parametrize("title_wanted", [False, True], ids=["check", "title"])


class NamedFetcher(Fetcher):
    """Fetches with a name that resolves anew for each request, to one list after the other."""

    def __init__(self, policy: Varying[AddressPolicy], *addresses: list[str]) -> None:
        super().__init__(
            policy,
            user_agent="test",
            connect_timeout=3,
            max_bytes=1000,
            stop=threading.Event(),
        )
        self._addresses = iter(addresses)

    def _configure(self, handle: Any, seconds: float) -> None:
        super()._configure(handle, seconds)
        if addresses := next(self._addresses, None):
            where = [f"{NAME}:{port}" for port in PORTS]
            drop, add = (
                (f"-{each}" for each in where),
                (f"{each}:{','.join(addresses)}" for each in where),
            )
            handle.setopt(pycurl.RESOLVE, [*drop, *add])


def checker(policy: Varying[AddressPolicy], *addresses: list[str]) -> Checker:
    fetcher = NamedFetcher(policy, *addresses)
    return Checker(fetcher, timeout=5, max_redirects=5, max_page_bytes=1000)


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a socket fails the test."""

    def opened(*_: object) -> NoReturn:
        pytest.fail("a socket was opened")

    monkeypatch.setattr("link_checker.request.socket.socket", opened)


def test_the_corpus_is_large_and_names_nothing_twice() -> None:
    urls = [*REFUSED_WHEN_ADDED, *REFUSED_WHEN_CHECKED]
    assert len(urls) > 200
    assert [url for url, times in Counter(urls).items() if times > 1] == []


@pytest.mark.parametrize("url", REFUSED_WHEN_ADDED)
def test_what_is_no_address_of_a_web_page_is_not_saved(url: str, no_sockets: None) -> None:
    with pytest.raises(InvalidArgument) as refused:
        normalize_url(url)
    assert [violation.field for violation in refused.value.violations] == ["url"]
    found = checker(AddressPolicy()).check(url)  # were it saved, or asked of the function
    assert found.outcome in {Outcome.INVALID_URL, Outcome.FORBIDDEN_ADDRESS}


@both
@pytest.mark.parametrize("url", REFUSED_WHEN_CHECKED)
def test_what_may_be_saved_is_refused_before_anybody_is_asked(
    url: str, title_wanted: bool, no_sockets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a name server."""
    monkeypatch.setattr(Fetcher, "_handle", lambda _: pytest.fail("libcurl was asked"))
    for given in (url, normalize_url(url)):
        assert checker(AddressPolicy()).check(given, title_wanted=title_wanted) == FORBIDDEN


class Careless(AddressPolicy):
    """Vets nothing but the address that libcurl is about to connect to."""

    def forbids(self, host: str, port: int) -> bool:
        return False

    def is_of_the_web(self, host: str, port: int) -> bool:
        return True


PUBLIC = ("example.com:", "8.8.8.8:", "[2001:4860:4860::8888]:")
CLOSED_ADDRESSES = [url for url in REFUSED_WHEN_CHECKED if not any(host in url for host in PUBLIC)]


@pytest.mark.parametrize("url", CLOSED_ADDRESSES)
def test_what_is_asked_at_the_moment_of_connecting_suffices(url: str, no_sockets: None) -> None:
    """Names that nobody resolves are nowhere."""
    assert checker(Careless()).check(url).outcome in {Outcome.FORBIDDEN_ADDRESS, Outcome.DNS}


@both
@pytest.mark.parametrize("addresses", ADDRESSES_OF_NAMES, ids=",".join)
def test_a_name_leads_to_none_of_its_addresses(
    addresses: list[str], title_wanted: bool, no_sockets: None
) -> None:
    check = checker(AddressPolicy(), addresses, addresses).check
    assert check(f"http://{NAME}/", title_wanted=title_wanted) == FORBIDDEN


@both
def test_a_port_that_is_open_in_some_networks_is_closed_elsewhere(
    title_wanted: bool, no_sockets: None
) -> None:
    """Whose network it is, only the address tells."""
    company = AddressPolicy(parse_networks("10.0.0.0/8"))
    public = ["8.8.8.8", "2001:4860:4860::8888"]
    check = checker(company, public, public).check
    assert check(f"http://{NAME}:6379/", title_wanted=title_wanted) == FORBIDDEN


class Redirecting(ThreadingHTTPServer):
    """Redirects to the bytes that the path names in hexadecimal digits; has no HEAD if so told."""

    requests: list[str]
    has_head = True


class _Handler(BaseHTTPRequestHandler):
    server: Redirecting

    def do_HEAD(self) -> None:
        self._answer(None if self.server.has_head else 405)

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, status: int | None) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.send_response(status or (302 if self.path != "/" else 200))
        location = bytes.fromhex(self.path[1:]).decode("latin-1")
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[Redirecting]:
    server = Redirecting(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def website(server: Redirecting) -> Redirecting:
    server.requests, server.has_head = [], True
    return server


LOOPBACK = AddressPolicy(parse_networks("127.0.0.1/32"))


@both
@pytest.mark.parametrize("location", [*REFUSED_WHEN_CHECKED, *LOCATIONS])
def test_no_redirect_leads_there(website: Redirecting, location: str, title_wanted: bool) -> None:
    """The first request is allowed to reach this machine, and the one after it is not."""
    policies = chain([LOOPBACK], repeat(AddressPolicy()))
    url = f"http://127.0.0.1:{website.server_port}/{location.encode().hex()}"
    found = checker(lambda: next(policies)).check(url, title_wanted=title_wanted)
    assert found.outcome is Outcome.FORBIDDEN_ADDRESS
    assert len(website.requests) == 1


@pytest.mark.parametrize("later", [["127.0.0.2"], ["10.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_a_name_that_changes_between_two_requests_leads_nowhere(
    website: Redirecting, later: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    website.has_head = False
    monkeypatch.setattr(f"{__name__}.NAME", f"rebinding.example:{website.server_port}")
    fetcher = NamedFetcher(LOOPBACK)
    addresses = chain([["127.0.0.1"]], repeat(later))

    def resolve(handle: Any, seconds: float) -> None:
        Fetcher._configure(fetcher, handle, seconds)
        handle.setopt(pycurl.RESOLVE, [f"-{NAME}", f"{NAME}:{','.join(next(addresses))}"])

    monkeypatch.setattr(fetcher, "_configure", resolve)
    check = Checker(fetcher, timeout=5, max_redirects=5, max_page_bytes=1000).check
    assert check(f"http://{NAME}/") == FORBIDDEN
    assert website.requests == ["HEAD /"]
