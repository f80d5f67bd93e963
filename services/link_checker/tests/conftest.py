"""A web server to be checked, and the checker that may reach it."""

import threading
from collections.abc import Callable, Iterator

import pytest

from link_checker.checker import Checker
from link_checker.fetch import Fetcher
from link_checker.network import AddressPolicy, parse_networks

from .website import Website

LOOPBACK = "127.0.0.0/8,::1/128"

NewChecker = Callable[..., Checker]


@pytest.fixture
def website() -> Iterator[Website]:
    website = Website()
    yield website
    website.close()


@pytest.fixture
def stop() -> threading.Event:
    """Breaks off all checks when set."""
    return threading.Event()


@pytest.fixture
def new_checker(stop: threading.Event) -> NewChecker:
    """Makes checkers on the real network; by default with access to the loopback interface."""

    def make(
        *,
        allowed: str = LOOPBACK,
        timeout: float = 10,
        max_redirects: int = 5,
        max_bytes: int = 64 * 1024,
        max_page_bytes: int = 256 * 1024,
        authorities: str | None = None,
    ) -> Checker:
        fetcher = Fetcher(
            AddressPolicy(parse_networks(allowed)),
            user_agent="test",
            connect_timeout=3,
            max_bytes=max_bytes,
            stop=stop,
            authorities=authorities,
        )
        return Checker(
            fetcher, timeout=timeout, max_redirects=max_redirects, max_page_bytes=max_page_bytes
        )

    return make


@pytest.fixture
def checker(new_checker: NewChecker) -> Checker:
    return new_checker()
