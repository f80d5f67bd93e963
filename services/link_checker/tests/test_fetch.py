"""What a request says and does not say, how much of the answer is read, and whom it trusts."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from delinkcious.testing.waiting import wait_until
from link_checker.checker import Checker
from link_checker.domain import Finding, Outcome
from link_checker.fetch import trusted_authorities
from link_checker.request import BrokenOff

from .conftest import NewChecker
from .website import Website

CERTIFICATE = Path(__file__).parent / "data" / "localhost.pem"
"""Self-signed, for the name localhost only, with its key."""


@pytest.fixture
def secure_website() -> Iterator[Website]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    website = Website(context)
    yield website
    website.close()


def test_the_server_learns_who_asks_and_nothing_more(website: Website, checker: Checker) -> None:
    checker.check(website.url())
    assert website.headers == [
        {"Host": f"127.0.0.1:{website.server_port}", "User-Agent": "test", "Accept": "*/*"}
    ]


def test_no_cookie_and_no_password_is_passed_on(website: Website, checker: Checker) -> None:
    """The page that redirects sets a cookie."""
    target = website.url().replace("http://", "http://user:secret@")
    assert checker.check(website.redirect(target)) == Finding(Outcome.OK, 200)
    assert not {"Cookie", "Authorization", "Referer"} & website.headers[1].keys()


def test_what_the_environment_says_of_proxies_and_passwords_is_ignored(
    website: Website, checker: Checker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checker.check(website.url()) == Finding(Outcome.OK, 200)
    assert "Authorization" not in website.headers[0]


@pytest.mark.parametrize("page", ["/huge", "/endless"])
def test_no_more_of_a_page_is_read_than_tells_that_it_answers(
    website: Website, new_checker: NewChecker, page: str
) -> None:
    checker = new_checker(max_bytes=1000)
    assert checker.check(website.url(page)) == Finding(Outcome.OK, 200)
    in_buffers_at_most = 16 * 1024 * 1024
    assert website.bytes_sent < in_buffers_at_most


def test_every_request_has_a_connection_of_its_own(website: Website, checker: Checker) -> None:
    for _ in range(3):
        checker.check(website.url())
    assert website.connections == 3


def test_a_certificate_that_nobody_vouches_for_is_told_apart(
    secure_website: Website, checker: Checker
) -> None:
    assert checker.check(secure_website.url(host="localhost")) == Finding(Outcome.TLS)
    assert secure_website.requests == []


def test_a_certificate_that_is_vouched_for_is_good(
    secure_website: Website, new_checker: NewChecker
) -> None:
    checker = new_checker(authorities=str(CERTIFICATE))
    assert checker.check(secure_website.url(host="localhost")) == Finding(Outcome.OK, 200)


def test_a_certificate_of_another_host_is_not(
    secure_website: Website, new_checker: NewChecker
) -> None:
    checker = new_checker(authorities=str(CERTIFICATE))
    assert checker.check(secure_website.url(host="127.0.0.1")) == Finding(Outcome.TLS)


def test_a_server_that_speaks_no_tls_is_told_apart(website: Website, checker: Checker) -> None:
    url = website.url().replace("http:", "https:")
    assert checker.check(url) == Finding(Outcome.TLS)


def test_there_are_authorities_to_trust_whatever_the_system() -> None:
    assert "BEGIN CERTIFICATE" in Path(trusted_authorities()).read_text()


def test_the_operator_may_name_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert trusted_authorities() == str(CERTIFICATE)


def test_authorities_that_cannot_be_read_are_our_own_mistake(
    secure_website: Website, new_checker: NewChecker
) -> None:
    """So no link is called broken for it."""
    with pytest.raises(RuntimeError, match="libcurl"):
        new_checker(authorities="/nowhere").check(secure_website.url())


def test_checks_are_broken_off_when_the_process_stops(
    website: Website, checker: Checker, stop: threading.Event
) -> None:
    ended: list[type[BaseException]] = []

    def check() -> None:
        try:
            checker.check(website.url("/held"))
        except BrokenOff as error:
            ended.append(type(error))

    thread = threading.Thread(target=check)
    thread.start()
    wait_until(lambda: website.requests)
    stop.set()
    thread.join(5)
    assert ended == [BrokenOff]
