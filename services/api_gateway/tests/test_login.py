"""Logging in, with the local identity provider in the place of GitHub."""

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import ReferenceType, ref

import pytest
from flask.testing import FlaskClient
from requests_oauthlib import OAuth2Session
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LOGIN_SECONDS, LoginCookie, PendingLogin
from api_gateway.github import Authorization, GitHub
from api_gateway.sessions import Sessions
from api_gateway.testing import fields
from delinkcious.http.app import RestApp
from delinkcious.object_model.users import GitHubIdentity, UserManager
from delinkcious.testing.waiting import free_port
from tools.tests.identity_provider.running import (
    CLIENT_ID,
    CLIENT_SECRET,
    RunningProvider,
    running_provider,
)
from user_service.memory import InMemoryUserStore

JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def github_itself(tmp_path: Path) -> Iterator[RunningProvider]:
    with running_provider(tmp_path) as running:
        yield running


@pytest.fixture
def provider(github_itself: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "")  # puts back what the gateway changes
    return GitHub(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        url=github_itself.url,
        api_url=github_itself.url,
        timeout=5,
    )


@dataclass
class Visitor:
    """Somebody with a browser, or with curl and a cookie jar."""

    http: FlaskClient
    github: RunningProvider

    def start(self, path: str = "/login?login=alice") -> str:
        """Begins a login, and returns where the provider sends the visitor back to."""
        response = self.http.get(path)
        assert response.status_code == 302
        answer = self.github.http.get(response.headers["Location"], allow_redirects=False)
        back = urlsplit(answer.headers["Location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == "http://localhost/login/authorized"
        return f"{back.path}?{back.query}"

    def finish(self, back: str, headers: dict[str, str] = JSON) -> TestResponse:
        return self.http.get(back, headers=headers)

    def login(self, path: str = "/login?login=alice", **options: Any) -> TestResponse:
        return self.finish(self.start(path), **options)


@pytest.fixture
def visitor(app: RestApp, github_itself: RunningProvider) -> Visitor:
    return Visitor(app.test_client(), github_itself)


def test_whose_account_is_being_deleted_is_told_to_wait(
    visitor: Visitor, users: UserManager
) -> None:
    visitor.login()
    users.delete_account("alice")
    answer = visitor.login()
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert "being deleted" in answer.text
    assert not answer.headers.get("Set-Cookie", "").startswith("session=dls_")


def cookie(response: Response, name: str) -> str:
    (found,) = [c for c in response.headers.getlist("Set-Cookie") if c.startswith(f"{name}=")]
    return found


def test_the_way_to_github_has_state_and_pkce_and_asks_for_no_more_than_the_email(
    visitor: Visitor,
) -> None:
    response = visitor.http.get("/login?login=alice")
    location = urlsplit(response.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert location.path == "/login/oauth/authorize"
    assert len(query.pop("state")) >= 30
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://localhost/login/authorized",
        "scope": "user:email",
        "code_challenge_method": "S256",
        "login": "alice",
    }


def test_the_login_is_bound_to_the_browser_by_a_cookie_of_ten_minutes(visitor: Visitor) -> None:
    kept = cookie(visitor.http.get("/login"), "login")
    assert "HttpOnly" in kept
    assert "SameSite=Lax" in kept
    assert "Path=/;" in kept
    assert f"Max-Age={LOGIN_SECONDS}" in kept
    assert "Secure" not in kept


def test_a_program_gets_a_session_as_json(visitor: Visitor) -> None:
    response = visitor.login()
    assert response.status_code == 200
    session = response.json
    assert session is not None
    assert set(session) == {
        "access_token", "token_type", "expires_at", "username", "name", "email",
    }  # fmt: skip
    assert (session["token_type"], session["username"]) == ("Bearer", "alice")
    assert session["email"] == "alice@example.com"
    assert response.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    me = visitor.http.get("/v1/me", headers=headers).json
    assert me is not None
    assert me["username"] == "alice"


def test_a_program_gets_no_session_cookie(visitor: Visitor) -> None:
    assert "session=" not in str(visitor.login().headers)


def test_a_client_that_takes_anything_gets_json(visitor: Visitor) -> None:
    assert visitor.login(headers={"Accept": "*/*"}).status_code == 200


def test_a_browser_gets_a_cookie_and_goes_on(visitor: Visitor) -> None:
    response = visitor.login(headers=BROWSER)
    assert (response.status_code, response.headers["Location"]) == (303, "/v1/me")
    kept = cookie(response, "session")
    assert "HttpOnly" in kept
    assert "SameSite=Lax" in kept
    assert "Path=/" in kept
    assert "Expires=" in kept
    assert visitor.http.get("/v1/me").status_code == 200


def test_a_browser_goes_where_it_wanted(visitor: Visitor) -> None:
    response = visitor.login("/login?login=alice&next=/docs%3Fa%3Db%23links", headers=BROWSER)
    assert response.headers["Location"] == "/docs?a=b#links"


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/%0d%0aSet-Cookie:x=1",
        "/%09/evil.example",
        "javascript:alert(1)",
        "docs",
        "",
        "/" + "x" * 1100,
        "%20/docs",
    ],
)
def test_next_never_leaves_the_site(visitor: Visitor, next_: str) -> None:
    response = visitor.http.get(f"/login?next={next_}")
    assert (response.status_code, fields(response)) == (400, ["next"])


def test_logging_in_again_is_the_same_account(visitor: Visitor, users: UserManager) -> None:
    first, second = visitor.login().json, visitor.login().json
    assert first is not None
    assert second is not None
    assert first["access_token"] != second["access_token"]
    assert first["username"] == second["username"]


def test_whoever_renames_himself_at_github_keeps_his_account(visitor: Visitor) -> None:
    visitor.login()
    visitor.github.control("POST", "/accounts/alice/rename", {"login": "alicia"})
    renamed = visitor.login("/login?login=alicia").json
    assert renamed is not None
    assert renamed["username"] == "alice"


@pytest.mark.parametrize("host", ["", "a b", "x:port", "[::1", 'x"><'])
def test_a_host_that_is_none_is_refused(visitor: Visitor, host: str) -> None:
    response = visitor.http.get("/login", headers={"Host": host})
    assert (response.status_code, fields(response)) == (400, ["Host"])


def test_behind_a_proxy_the_public_url_counts(
    app: RestApp, managers: Managers, provider: GitHub, users: UserManager
) -> None:
    behind = create_gateway_app(
        managers,
        Sessions(users, seconds=5, size=10),
        provider,
        LoginCookie("k" * 32),
        "https://links.example",
    )
    response = behind.test_client().get("/login", headers={"Host": "evil.example"})
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert query["redirect_uri"] == ["https://links.example/login/authorized"]
    assert "Secure" in cookie(response, "__Host-login")


def test_a_login_can_be_finished_once(visitor: Visitor) -> None:
    back = visitor.start()
    first = visitor.finish(back)
    assert "login=;" in cookie(first, "login")
    again = visitor.finish(back)
    assert (again.status_code, fields(again)) == (401, ["state"])


def test_a_replayed_code_is_refused_even_with_the_cookie(visitor: Visitor) -> None:
    back = visitor.start()
    kept = visitor.http.get_cookie("login")
    assert kept is not None
    visitor.finish(back)
    visitor.http.set_cookie("login", kept.value)
    again = visitor.finish(back)
    assert again.status_code == 401
    assert "start again" in again.text


def test_a_login_opens_one_session_though_the_browser_kept_the_cookie_and_got_a_new_code(
    visitor: Visitor, users: UserManager
) -> None:
    """The browser's back button, or somebody who reads along: whoever comes first has it."""
    way = visitor.http.get("/login?login=alice").headers["Location"]
    kept = visitor.http.get_cookie("login", path="/")
    assert kept is not None
    codes = [visitor.github.http.get(way, allow_redirects=False) for _ in range(2)]
    first, second = (urlsplit(answer.headers["Location"]) for answer in codes)
    assert first.query != second.query
    assert visitor.finish(f"{first.path}?{first.query}").status_code == 200
    visitor.http.set_cookie("login", kept.value, path="/")
    again = visitor.finish(f"{second.path}?{second.query}")
    assert (again.status_code, fields(again)) == (401, ["state"])
    assert len(users.get_sessions("alice")) == 1


def test_a_code_that_somebody_else_asked_for_is_refused(visitor: Visitor, app: RestApp) -> None:
    """PKCE: a code is of no use to whoever has not the verifier that went with its challenge."""
    stolen = parse_qs(urlsplit(Visitor(app.test_client(), visitor.github).start()).query)["code"]
    state = parse_qs(urlsplit(visitor.start()).query)["state"]
    response = visitor.finish(f"/login/authorized?code={stolen[0]}&state={state[0]}")
    assert response.status_code == 401
    assert "start again" in response.text


def test_nothing_keeps_the_token_of_github(
    visitor: Visitor,
    provider: GitHub,
    user_store: InMemoryUserStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor the client that had it: what is not there cannot leak."""
    made: list[ReferenceType[OAuth2Session]] = []

    class Client(OAuth2Session):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(ref(self))

    monkeypatch.setattr("api_gateway.github.OAuth2Session", Client)
    assert visitor.login().status_code == 200
    gc.collect()
    assert made
    assert not [client for client in made if client() is not None]
    assert "gho_" not in repr((vars(provider), vars(user_store)))


def test_the_session_is_known_by_what_logged_in(visitor: Visitor, users: UserManager) -> None:
    visitor.login(headers={**JSON, "User-Agent": "curl/8.5.0"})
    [session] = users.get_sessions("alice")
    assert session.client == "curl/8.5.0"


def test_a_login_of_another_browser_is_refused(visitor: Visitor, app: RestApp) -> None:
    """Somebody who sends his own answer of GitHub to a victim does not log the victim in."""
    back = visitor.start()
    response = app.test_client().get(back, headers=JSON)
    assert (response.status_code, fields(response)) == (401, ["state"])
    assert visitor.finish(back).status_code == 200


def test_a_forged_state_is_refused_and_leaves_the_login_alone(visitor: Visitor) -> None:
    back = visitor.start()
    forged = visitor.finish("/login/authorized?code=x&state=forged")
    assert (forged.status_code, fields(forged)) == (401, ["state"])
    assert visitor.finish(back).status_code == 200


@pytest.mark.parametrize("key", ["other" * 10, "k" * 32])
def test_a_cookie_that_is_forged_is_refused(visitor: Visitor, app: RestApp, key: str) -> None:
    with app.test_request_context():
        response = app.make_response("")
        LoginCookie(key).put(response, PendingLogin("s", "v", "/"), secure=False)
    value = cookie(response, "login").partition("=")[2].partition(";")[0]
    if key == "k" * 32:
        value = value[:-3] + "abc"
    visitor.http.set_cookie("login", value)
    assert visitor.finish("/login/authorized?code=x&state=s").status_code == 401


def test_a_login_that_took_too_long_is_refused(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = visitor.start()
    later = time.time() + LOGIN_SECONDS + 2
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    response = visitor.finish(back)
    assert (response.status_code, fields(response)) == (401, ["state"])


def test_whoever_denies_it_at_github_is_told_so(visitor: Visitor) -> None:
    response = visitor.http.get("/login?login=alice")
    denied = visitor.github.http.get(
        response.headers["Location"] + "&deny=true", allow_redirects=False
    )
    back = urlsplit(denied.headers["Location"])
    answer = visitor.finish(f"{back.path}?{back.query}")
    assert answer.status_code == 401
    assert "You told GitHub not to" in answer.text
    assert "login=;" in cookie(answer, "login")


def test_without_a_code_there_is_nothing_to_finish(visitor: Visitor) -> None:
    back = visitor.start()
    state = parse_qs(urlsplit(back).query)["state"][0]
    response = visitor.finish(f"/login/authorized?state={state}")
    assert (response.status_code, fields(response)) == (400, ["code"])


def test_without_a_verified_email_nobody_gets_in(visitor: Visitor) -> None:
    visitor.github.control("PUT", "/accounts/dave", {"email_verified": False})
    response = visitor.login("/login?login=dave")
    assert response.status_code == 403
    assert "verified" in response.text


@pytest.mark.parametrize("endpoint", ["access_token", "user", "emails"])
@pytest.mark.parametrize(
    "fault", [{"status": s} for s in (500, 502, 503, 504)] + [{"delay_seconds": 60}]
)
def test_every_failure_of_github_is_a_503_that_says_when_to_come_back(
    visitor: Visitor,
    provider: GitHub,
    endpoint: str,
    fault: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back = visitor.start()
    if "delay_seconds" in fault:
        monkeypatch.setattr(provider, "_timeout", 0.3)
    visitor.github.control("POST", "/faults", {"endpoint": endpoint, **fault})
    response = visitor.finish(back)
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert "GitHub does not answer" in response.text
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("refusal", "status", "said"),
    [
        ("bad_verification_code", 401, "start again at /login"),
        ("unverified_user_email", 403, "verified"),
        ("incorrect_client_credentials", 503, "does not let this application"),
        ("redirect_uri_mismatch", 503, "does not let this application"),
    ],
)
def test_every_refusal_of_github_has_a_clear_answer(
    visitor: Visitor, refusal: str, status: int, said: str
) -> None:
    back = visitor.start()
    visitor.github.control("POST", "/faults", {"endpoint": "access_token", "error": refusal})
    response = visitor.finish(back)
    assert response.status_code == status
    assert said in response.text


def test_a_github_that_is_gone_is_a_503_that_says_when_to_come_back(
    visitor: Visitor, provider: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = visitor.start()
    monkeypatch.setattr(provider, "_url", f"http://127.0.0.1:{free_port()}")
    response = visitor.finish(back)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert "GitHub does not answer" in response.text


class SlowGitHub:
    """A GitHub that answers when it is let."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self.asked = Event()
        self.go_on = Event()

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        return self._github.authorize(redirect_uri, login)

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        self.asked.set()
        assert self.go_on.wait(3)
        return self._github.identify(code, code_verifier, redirect_uri)


def test_a_github_that_is_slow_keeps_no_more_threads_than_it_may(
    managers: Managers,
    sessions: Sessions,
    provider: GitHub,
    github_itself: RunningProvider,
) -> None:
    slow = SlowGitHub(provider)
    app = create_gateway_app(managers, sessions, slow, LoginCookie("k" * 32), logins=1)
    first, second = (Visitor(app.test_client(), github_itself) for _ in range(2))
    ways = [visitor.start() for visitor in (first, second)]
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(first.finish, ways[0])
        assert slow.asked.wait(30)
        refused = second.finish(ways[1])
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        slow.go_on.set()
        assert waiting.result().status_code == 200
    assert second.finish(ways[1]).status_code == 200  # it was not used up


@pytest.mark.parametrize(("status", "minutes"), [(403, 60), (429, 1)])
@pytest.mark.parametrize("endpoint", ["access_token", "user", "emails"])
def test_a_rate_limit_says_when_to_come_back(
    visitor: Visitor, endpoint: str, status: int, minutes: int
) -> None:
    back = visitor.start()
    visitor.github.control("POST", "/faults", {"endpoint": endpoint, "status": status})
    refused = visitor.finish(back)
    assert refused.status_code == 503
    assert 60 * (minutes - 1) < int(refused.headers["Retry-After"]) <= 60 * minutes
    assert f"try to log in again in {minutes} min." in refused.text


def test_a_failure_passes_and_the_next_login_works(visitor: Visitor) -> None:
    back = visitor.start()
    visitor.github.control("POST", "/faults", {"endpoint": "user", "status": 500})
    visitor.finish(back)
    assert visitor.login().status_code == 200


def test_the_secrets_of_a_login_are_not_in_the_logs(
    visitor: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    back = visitor.start()
    session = visitor.finish(back).json
    assert session is not None
    written = "".join(capfd.readouterr())
    assert "logged_in" in written
    code = parse_qs(urlsplit(back).query)["code"][0]
    for secret in (code, CLIENT_SECRET, session["access_token"], session["email"], "gho_"):
        assert secret not in written
