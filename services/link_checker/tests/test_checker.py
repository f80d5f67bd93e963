"""What becomes of a check, by libcurl over real connections to a web server that misbehaves."""

import threading
from collections.abc import Callable

import pytest

from delinkcious.testing.waiting import free_port
from link_checker.checker import Checker
from link_checker.domain import Finding, Outcome
from link_checker.page import Page
from link_checker.request import Answer, Method, NoAnswer
from link_checker.urls import WebUrl

from .conftest import NewChecker
from .website import Website


@pytest.mark.parametrize(
    ("path", "outcome", "status"),
    [
        ("/", Outcome.OK, 200),
        ("/status/204", Outcome.OK, 204),
        ("/status/404", Outcome.NOT_FOUND, 404),
        ("/status/410", Outcome.GONE, 410),
        ("/status/403", Outcome.BLOCKED, 403),
        ("/status/429", Outcome.BLOCKED, 429),
        ("/status/500", Outcome.SERVER_ERROR, 500),
        ("/status/418", Outcome.CLIENT_ERROR, 418),
        ("/redirect/5", Outcome.OK, 200),
        ("/no-location", Outcome.OK, 302),
        ("/big-redirect", Outcome.OK, 200),
        ("/redirect/6", Outcome.TOO_MANY_REDIRECTS, 302),
        ("/loop", Outcome.TOO_MANY_REDIRECTS, 302),
        ("/huge", Outcome.OK, 200),
        ("/endless", Outcome.OK, 200),
        ("/gzip", Outcome.OK, 200),
        ("/broken-gzip", Outcome.OK, 200),
        ("/many-headers", Outcome.TOO_LARGE, 200),
        ("/long-header", Outcome.TOO_LARGE, 200),
        ("/switch", Outcome.BAD_RESPONSE, 101),
        ("/truncated", Outcome.BAD_RESPONSE, 200),
        ("/garbage", Outcome.BAD_RESPONSE, None),
        ("/nothing", Outcome.BAD_RESPONSE, None),
        ("/reset", Outcome.BAD_RESPONSE, None),
    ],
)
def test_every_kind_of_answer_has_its_outcome(
    website: Website, checker: Checker, path: str, outcome: Outcome, status: int | None
) -> None:
    assert checker.check(website.url(path)) == Finding(outcome, status)


@pytest.mark.parametrize(
    ("target", "finding"),
    [
        ("/status/404", Finding(Outcome.NOT_FOUND, 404)),
        ("../../status/410", Finding(Outcome.GONE, 410)),
        ("/?q=a b&c=é", Finding(Outcome.OK, 200)),
        ("http://[", Finding(Outcome.BAD_RESPONSE)),
        (f"http://{'x' * 64}.invalid/", Finding(Outcome.DNS)),
    ],
)
def test_a_redirect_is_followed_wherever_it_leads(
    website: Website, checker: Checker, target: str, finding: Finding
) -> None:
    assert checker.check(website.redirect(target)) == finding


@pytest.mark.parametrize("title_wanted", [False, True])
@pytest.mark.parametrize("status", [301, 308])
def test_a_page_that_moved_for_good_is_told_apart_with_its_address(
    website: Website, checker: Checker, status: int, title_wanted: bool
) -> None:
    finding = checker.check(website.redirect("/?new", status), title_wanted=title_wanted)
    assert finding == Finding(Outcome.MOVED, 200, moved_to=website.url("/?new"))


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_page_that_is_elsewhere_for_now_has_not_moved(
    website: Website, checker: Checker, status: int
) -> None:
    assert checker.check(website.redirect("/", status)) == Finding(Outcome.OK, 200)


def test_where_a_page_moved_does_not_depend_on_what_it_does_there_for_now(
    website: Website, checker: Checker
) -> None:
    new = website.redirect("/", 302)
    finding = checker.check(website.redirect(website.redirect(new, 308), 301))
    assert finding == Finding(Outcome.MOVED, 200, moved_to=new)


def test_what_comes_after_a_redirect_for_now_has_not_moved_for_good(
    website: Website, checker: Checker
) -> None:
    assert checker.check(website.redirect(website.redirect("/", 301), 302)).outcome is Outcome.OK


def test_a_page_that_moved_to_where_nothing_is_has_gone(website: Website, checker: Checker) -> None:
    finding = checker.check(website.redirect("/status/404", 301))
    assert finding == Finding(Outcome.NOT_FOUND, 404)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 500, 501, 503])
def test_a_get_confirms_what_a_head_complains_about(
    website: Website, checker: Checker, status: int
) -> None:
    page = f"/head-status/{status}"
    assert checker.check(website.url(page)) == Finding(Outcome.OK, 200)
    assert website.requests == [("HEAD", page), ("GET", page)]


@pytest.mark.parametrize("page", ["/head-reset", "/head-held"])
def test_a_server_that_does_not_answer_a_head_gets_a_get(
    website: Website, new_checker: NewChecker, page: str
) -> None:
    assert new_checker(timeout=1).check(website.url(page)) == Finding(Outcome.OK, 200)


def test_a_page_that_is_well_is_asked_for_once(website: Website, checker: Checker) -> None:
    checker.check(website.url())
    assert website.requests == [("HEAD", "/")]


@pytest.mark.parametrize(("page", "status"), [("/held", None), ("/stalled", 200)])
def test_a_server_that_keeps_us_waiting_is_a_timeout(
    website: Website, new_checker: NewChecker, page: str, status: int | None
) -> None:
    checker = new_checker(timeout=0.3)
    assert checker.check(website.url(page)) == Finding(Outcome.TIMEOUT, status)


def test_a_port_where_nobody_listens_refuses(checker: Checker) -> None:
    assert checker.check(f"http://127.0.0.1:{free_port()}/") == Finding(Outcome.REFUSED)


def test_a_name_that_does_not_resolve_is_told_apart(checker: Checker) -> None:
    too_long_for_dns = "x" * 64  # so nobody is asked
    assert checker.check(f"http://{too_long_for_dns}.invalid/") == Finding(Outcome.DNS)


@pytest.mark.parametrize("url", ["", "x", "ftp://example.com/", "http://user:pw@127.0.0.1/"])
def test_what_is_no_web_address_is_invalid(checker: Checker, url: str) -> None:
    assert checker.check(url) == Finding(Outcome.INVALID_URL)


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "https://192.168.1.1/",
        "http://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "ftp://127.0.0.1/",
    ],
)
def test_a_redirect_leads_nowhere_that_a_check_must_not_go(
    website: Website, checker: Checker, target: str
) -> None:
    finding = checker.check(website.redirect(target))
    assert finding == Finding(Outcome.FORBIDDEN_ADDRESS)
    assert len(website.requests) == 1


FULLWIDTH_LOCALHOST = "".join(chr(ord(letter) + 0xFEE0) for letter in "localhost")
HOSTS = {
    "names": ["localhost", "LOCALHOST", "localhost."],
    "decimal": ["2130706433", "127.0.0.1", "127.0.0.1."],
    "octal": ["017700000001", "0177.0.0.1", "0177.0.0.01", "00000177.0.0.1"],
    "hexadecimal": ["0x7f000001", "0x7F.0x0.0x0.0x1", "0x7f.1"],
    "short": ["127.1", "127.0.1"],
    "percent-encoded": ["%31%32%37.0.0.1", "%6c%6f%63%61%6c%68%6f%73%74"],
    "other scripts": ["①②⑦.⓪.⓪.①", "127。0。0。1", FULLWIDTH_LOCALHOST],
    "mapped": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"],
}
LOOPBACK_HOSTS = [pytest.param(h, id=f"{kind} {h}") for kind, hosts in HOSTS.items() for h in hosts]


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_no_spelling_of_a_forbidden_address_gets_through(
    website: Website, new_checker: NewChecker, host: str
) -> None:
    closed = new_checker(allowed="")
    assert closed.check(website.url(host=host)) == Finding(Outcome.FORBIDDEN_ADDRESS)
    assert website.requests == []


@pytest.mark.parametrize(
    "host", [host for kind, hosts in HOSTS.items() if kind != "mapped" for host in hosts]
)
def test_every_spelling_does_lead_to_the_server_where_that_is_allowed(
    website: Website, checker: Checker, host: str
) -> None:
    """So the test above refuses the address, and not some other mistake."""
    assert checker.check(website.url(host=host)) == Finding(Outcome.OK, 200)


@pytest.mark.parametrize(
    "host",
    [
        "0", "0.0.0.0", "0x0", "10.0.0.1", "167772161", "0xa000001", "012.0.0.1", "172.16.0.1",
        "192.168.1.1", "0300.0250.1.1", "3232235777", "100.64.0.1", "169.254.169.254",
        "0xa9fea9fe", "0251.0376.0251.0376", "2852039166", "①⑥⑨.②⑤④.①⑥⑨.②⑤④", "100.100.100.200",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::]", "[::1]", "[fe80::1]",
        "[fd00::1]", "[fec0::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]",
        "[::10.0.0.1]", "[2002:a00:1::]", "[2001:0:a00:1::]", "[64:ff9b::10.0.0.1]",
        "[2001:db8::1]", "[::ffff:8.8.8.8]",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused_before_connecting(
    new_checker: NewChecker, host: str
) -> None:
    assert new_checker(allowed="").check(f"http://{host}/") == Finding(Outcome.FORBIDDEN_ADDRESS)


def test_checks_of_many_threads_do_not_mix(website: Website, checker: Checker) -> None:
    found: dict[int, Finding] = {}

    def check(status: int) -> None:
        found[status] = checker.check(website.url(f"/status/{status}"))

    threads = [threading.Thread(target=check, args=[status]) for status in range(400, 432)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status: finding.http_status for status, finding in found.items()} == {
        status: status for status in range(400, 432)
    }


class Clockwork:
    """A web in which each request gets what it is told, and the seconds it may take are noted."""

    def __init__(self, answer: Callable[[Method, WebUrl], Answer]) -> None:
        self.seconds: list[float] = []
        self._answer = answer

    def fetch(
        self, method: Method, url: WebUrl, seconds: float, page: Page | None = None
    ) -> Answer:
        self.seconds.append(seconds)
        return self._answer(method, url)


def checker_of(web: Clockwork) -> Checker:
    return Checker(web, timeout=10, max_redirects=3, max_page_bytes=1000)


def test_all_requests_of_a_check_share_its_time() -> None:
    web = Clockwork(lambda _, url: Answer(302, url.text.encode()))
    checker_of(web).check("http://a.example/")
    assert all(0 < seconds <= 5 for seconds in web.seconds)
    assert web.seconds == sorted(web.seconds, reverse=True)


def test_what_goes_wrong_before_the_request_is_sent_is_not_tried_again() -> None:
    def answer(*_: object) -> Answer:
        raise NoAnswer(Outcome.TLS)

    web = Clockwork(answer)
    assert checker_of(web).check("http://a/") == Finding(Outcome.TLS)
    assert len(web.seconds) == 1
