"""The cookies of a login and of its session: who can set them, and who sends them."""

from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api_gateway.app import Managers
from api_gateway.sessions import Sessions

from .gateways import Gateways
from .world import STATE, Vouches

HERE, HTTPS = "http://localhost", "https://links.example"
FINISH = f"/login/authorized?state={STATE}&code=c"
BROWSER = {"Accept": "text/html"}


@pytest.fixture(params=[HERE, HTTPS])
def public_url(request: pytest.FixtureRequest) -> str:
    """How browsers reach the gateway."""
    return str(request.param)


@pytest.fixture
def http(
    gateways: Gateways, managers: Managers, sessions: Sessions, public_url: str
) -> Iterator[FlaskClient]:
    app = gateways.over(managers, sessions, Vouches(), public_url=public_url)
    with app.test_client(use_cookies=False) as client:
        yield client


def cookies_of(response: TestResponse) -> SimpleCookie:
    return SimpleCookie("\r\n".join(response.headers.getlist("Set-Cookie")))


def log_in(http: FlaskClient) -> SimpleCookie:
    """Logs in as a browser, and returns the cookies that it has then."""
    begun = "; ".join(f"{n}={c.value}" for n, c in cookies_of(http.get("/login")).items())
    response = http.get(FINISH, headers=BROWSER | {"Cookie": begun})
    assert response.status_code == 303
    return cookies_of(response)


def test_both_are_for_this_host_alone_and_not_for_scripts(
    http: FlaskClient, public_url: str
) -> None:
    secure = public_url == HTTPS
    for name, kept in (("login", cookies_of(http.get("/login"))), ("session", log_in(http))):
        cookie = kept[f"__Host-{name}" if secure else name]
        assert cookie.value
        assert (bool(cookie["secure"]), cookie["path"], cookie["domain"]) == (secure, "/", "")
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_the_session_of_a_login_is_used_and_dropped(http: FlaskClient, public_url: str) -> None:
    name = "__Host-session" if public_url == HTTPS else "session"
    headers = {"Cookie": f"{name}={log_in(http)[name].value}", "X-Requested-With": "fetch"}
    assert http.get("/v1/me", headers=headers).json["username"] == "dave"  # type: ignore[index]
    dropped = cookies_of(http.post("/logout", headers=headers))[name]
    assert (dropped.value, dropped["max-age"]) == ("", "0")
    assert http.get("/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize("public_url", [HTTPS], indirect=True)
def test_a_sibling_of_our_host_cannot_have_its_own_login_finished(http: FlaskClient) -> None:
    """It can set cookies for the domain that we share, but none whose name begins like ours."""
    begun = cookies_of(http.get("/login"))["__Host-login"].value
    response = http.get(FINISH, headers={"Cookie": f"login={begun}"})
    assert response.status_code == 401
    assert http.get(FINISH, headers={"Cookie": f"__Host-login={begun}"}).status_code == 200
