"""What a GitHub that is broken, gone or hostile does to us: nothing but a clear error."""

import json
import os
import socket
from collections.abc import Iterable
from time import monotonic
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from api_gateway.github import GitHub
from delinkcious.errors import PermissionDenied, Unavailable
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.serving import serving

TOKEN = {"access_token": "gho_x", "token_type": "bearer", "scope": "user:email"}
ACCOUNT = {"id": 7, "login": "alice", "name": None}
EMAILS = [
    {"email": "old@example.com", "primary": False, "verified": True},
    {"email": "alice@example.com", "primary": True, "verified": True},
]
RIGHT = {"/login/oauth/access_token": TOKEN, "/user": ACCOUNT, "/user/emails": EMAILS}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "")  # puts back what GitHub() changes


def github(url: str, timeout: float = 5) -> GitHub:
    return GitHub(client_id="id", client_secret="secret", url=url, api_url=url, timeout=timeout)


def identify(answers: dict[str, Any]) -> GitHubIdentity:
    """Logs in at a server that answers so: bytes are sent as they are, the rest as JSON."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = answers[environ["PATH_INFO"]]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [given if isinstance(given, bytes) else json.dumps(given).encode()]

    with serving(answer) as address:
        return github(f"http://{address}").identify("code", "verifier", "http://localhost/")


def test_who_somebody_is_comes_from_the_account_and_its_primary_address() -> None:
    assert identify(RIGHT) == GitHubIdentity(7, "alice", "alice", "alice@example.com")


def test_other_scopes_than_we_asked_for_do_no_harm() -> None:
    token = {**TOKEN, "scope": "user:email,repo"}
    assert identify({**RIGHT, "/login/oauth/access_token": token}).login == "alice"


@pytest.mark.parametrize("path", RIGHT)
@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"null", b"[]", b"{}", b"7", b'"x"', b"\xff\xfe", b"[" * 5000],
)
def test_an_answer_that_makes_no_sense_is_unavailable(path: str, answer: bytes) -> None:
    if (path, answer) == ("/user/emails", b"[]"):
        return  # makes sense: there are no addresses
    with pytest.raises(Unavailable):
        identify({**RIGHT, path: answer})


@pytest.mark.parametrize(
    "token",
    [
        {**TOKEN, "access_token": None},
        {**TOKEN, "token_type": "mac"},
        {**TOKEN, "access_token": "a\r\nb"},
        {**TOKEN, "expires_in": "soon"},
        {**TOKEN, "expires_at": []},
        {**TOKEN, "scope": 7},
        {**TOKEN, "error": "both"},
        {"error": "x", "error_description": 7},
        {"error": "something_new"},
        {"error": None},
    ],
)
def test_a_token_that_makes_no_sense_is_unavailable(token: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        identify({**RIGHT, "/login/oauth/access_token": token})


@pytest.mark.parametrize(
    "account",
    [{"login": "alice"}, {"id": "seven", "login": "alice"}, {"id": 7, "login": None}],
)
def test_an_account_that_makes_no_sense_is_unavailable(account: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        identify({**RIGHT, "/user": account})


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "a@example.com", "primary": False, "verified": True}],
        [{"email": "a@example.com", "primary": True, "verified": False}],
    ],
)
def test_without_a_verified_primary_address_it_is_refused(emails: list[Any]) -> None:
    with pytest.raises(PermissionDenied):
        identify({**RIGHT, "/user/emails": emails})


def test_a_redirect_is_not_followed_for_it_would_carry_secrets_elsewhere() -> None:
    asked: list[str] = []

    def redirect(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("307 Temporary Redirect", [("Location", "/elsewhere")])
        return [b""]

    with serving(redirect) as address, pytest.raises(Unavailable):
        github(f"http://{address}").identify("code", "verifier", "http://localhost/")
    assert asked == ["/login/oauth/access_token"]


def test_a_github_that_is_gone_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable):
        github(f"http://127.0.0.1:{port}").identify("code", "verifier", "http://localhost/")


def test_a_github_that_says_nothing_is_unavailable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = monotonic()
        with pytest.raises(Unavailable):
            github(url, timeout=0.3).identify("code", "verifier", "http://localhost/")
    assert monotonic() - started < 3


def test_a_github_that_keeps_failing_is_left_alone_for_a_moment() -> None:
    asked: list[str] = []

    def fail(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("502 Bad Gateway", [])
        return [b""]

    with serving(fail) as address:
        failing = github(f"http://{address}")
        for _ in range(9):
            with pytest.raises(Unavailable):
                failing.identify("code", "verifier", "http://localhost/")
    assert len(asked) == 5


def test_plain_http_stays_forbidden_unless_it_is_configured() -> None:
    GitHub(
        client_id="id",
        client_secret="secret",
        url="https://github.com",
        api_url="https://api.github.com",
        timeout=1,
    )
    assert not os.environ["OAUTHLIB_INSECURE_TRANSPORT"]
