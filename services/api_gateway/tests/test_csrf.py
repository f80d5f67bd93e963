"""What a browser may change with its session cookie, and who may make it do so."""

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.app import Managers
from api_gateway.base_url import origin
from api_gateway.csrf import is_token_for, token_for
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, NoProvider

from .gateways import Gateways

URL = "https://www.python.org/"
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
OURS = {"X-Requested-With": "fetch"}
FORGED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
]
WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/links", {"json": {"url": URL}}),
    ("PUT", "/v1/links", {"json": {"url": URL, "title": "t"}}),
    ("DELETE", "/v1/links", {"query_string": {"url": URL}}),
    ("POST", "/v1/following", {"data": {"username": "alice"}}),
    ("DELETE", "/v1/following", {"query_string": {"username": "alice"}}),
    ("POST", "/v1/tokens", {"json": {"name": "t"}}),
    ("DELETE", "/v1/tokens/1", {}),
    ("POST", "/v1/imports", {"data": b"<DL>", "content_type": "text/html"}),
    ("POST", "/logout", {}),
]


class Browser:
    """Sends the session cookie with everything, whoever made it send it."""

    def __init__(self, caller: Caller, http: FlaskClient | None = None, name: str = "session"):
        self._http = http or caller.http
        self._cookie = {"Cookie": f"{name}={caller.token}"}

    def send(self, method: str, path: str, headers: dict[str, str], **options: Any) -> int:
        sent = self._cookie | headers
        return self._http.open(path, method=method, headers=sent, **options).status_code

    def save(self, headers: dict[str, str], **options: Any) -> int:
        return self.send("POST", "/v1/links", headers, **(options or {"json": {"url": URL}}))


@pytest.fixture
def browser(alice: Caller) -> Browser:
    return Browser(alice)


@pytest.mark.parametrize(("method", "path", "options"), WRITES)
def test_a_write_with_the_cookie_alone_is_refused(
    browser: Browser, alice: Caller, method: str, path: str, options: dict[str, Any]
) -> None:
    """As any form of any site can send it."""
    assert browser.send(method, path, {}, **options) == 403
    assert alice.links() == []


@pytest.mark.parametrize("origin", [{}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_script_of_ours_writes_with_a_header_that_no_other_site_can_send(
    browser: Browser, origin: dict[str, str]
) -> None:
    assert browser.save(OURS | origin) == 201


def test_a_browser_too_old_to_say_more_says_its_origin(browser: Browser) -> None:
    assert browser.save(OURS | {"Origin": "http://localhost"}) == 201


@pytest.mark.parametrize("headers", FORGED)
def test_what_comes_from_elsewhere_is_refused_whatever_it_shows(
    browser: Browser, alice: Caller, headers: dict[str, str]
) -> None:
    form = {"url": URL, "csrf_token": token_for(alice.token)}
    assert browser.save(OURS | headers, data=form) == 403
    assert alice.links() == []


def test_a_form_of_ours_writes_with_the_token_of_its_session(
    browser: Browser, alice: Caller
) -> None:
    given = alice.get("/v1/csrf").json
    assert given is not None
    form = {"url": URL, "csrf_token": given["csrf_token"]}
    assert browser.save({"Sec-Fetch-Site": "same-origin"}, data=form) == 201


def test_that_token_is_no_field_of_what_the_form_is_about(alice: Caller) -> None:
    form = {"name": "script", "csrf_token": token_for(alice.token)}
    assert alice.post("/v1/tokens", data=form).status_code == 201
    assert alice.post("/v1/tokens", data=form, content_type=PARTS).status_code == 409


def test_a_form_that_is_too_large_is_not_cut_off_unseen(browser: Browser, alice: Caller) -> None:
    """It comes in chunks, so nobody says how large it is."""
    form = f"csrf_token={token_for(alice.token)}&url={URL}&description={'x' * 2_000_000}"
    chunks = {"input_stream": BytesIO(form.encode()), "content_type": FORM}
    ended = {"wsgi.input_terminated": True}  # as a server says that has the chunks
    assert browser.save({}, environ_overrides=ended, **chunks) == 413


@pytest.mark.parametrize(
    "form", [b"csrf_token=%FF%00&url=x", b"csrf_token=", b"&" * 900_000, b"a=1&" * 1001, b"\xff"]
)
def test_a_form_that_makes_no_sense_shows_nothing(browser: Browser, form: bytes) -> None:
    assert browser.save({}, data=form, content_type=FORM) == 403


def test_the_token_of_another_session_is_none(browser: Browser, bob: Caller) -> None:
    assert browser.save({}, data={"url": URL, "csrf_token": token_for(bob.token)}) == 403


def test_a_token_in_the_query_is_none(browser: Browser, alice: Caller) -> None:
    """It would be in the logs of every proxy on the way."""
    query = {"url": URL, "csrf_token": token_for(alice.token)}
    assert browser.save({}, query_string=query) == 403


@pytest.mark.parametrize("headers", FORGED)
def test_who_shows_a_token_in_a_header_is_asked_nothing(
    alice: Caller, headers: dict[str, str]
) -> None:
    assert alice.post("/v1/links", json={"url": URL}, headers=headers).status_code == 201


def test_reading_is_asked_nothing(browser: Browser) -> None:
    assert browser.send("GET", "/v1/links", {"Sec-Fetch-Site": "cross-site"}) == 200


def test_a_dead_session_is_a_401_and_not_a_403(http: FlaskClient) -> None:
    answer = http.post("/v1/links", headers={"Cookie": "session=dls_" + "x" * 43})
    assert answer.status_code == 401


def test_the_body_of_who_is_refused_is_not_read(browser: Browser) -> None:
    """A file may have 100 MiB."""
    form = "multipart/form-data; boundary=b"
    assert browser.send("POST", "/v1/imports", {}, data=b"no form", content_type=form) == 403


def test_on_https_only_the_cookie_counts_that_no_other_host_can_set(
    alice: Caller, gateways: Gateways, managers: Managers, sessions: Sessions
) -> None:
    url = "https://links.example"
    app = gateways.over(managers, sessions, NoProvider(), public_url=url)
    http = app.test_client(use_cookies=False)
    assert Browser(alice, http).send("GET", "/v1/me", {}) == 401
    behind = Browser(alice, http, "__Host-session")
    assert behind.send("GET", "/v1/me", {}) == 200
    assert behind.save(OURS | {"Origin": "http://localhost"}) == 403
    assert behind.save(OURS | {"Origin": url}) == 201


@pytest.mark.parametrize(
    "public_url", ["https://Links.example:443", "https://links.example", "https://links.example/a"]
)
def test_our_origin_is_what_browsers_call_it(public_url: str) -> None:
    assert origin(public_url) == "https://links.example"
    assert origin("http://[::1]:5000") == "http://[::1]:5000"


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_but_its_own_token_fits_a_session(session: str, token: str) -> None:
    assert is_token_for(session, token_for(session))
    assert not is_token_for(session, token)
    assert token_for(session) != token_for(session)
