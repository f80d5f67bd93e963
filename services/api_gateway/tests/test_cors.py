"""Which other sites' scripts may call, and with what."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from api_gateway.app import Managers
from api_gateway.cors import parse_origins
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, NoProvider

from .gateways import Gateways

FRIEND = "https://app.example"
ALLOWED = "Access-Control-Allow-Origin"

Ask = Callable[..., TestResponse]


@pytest.fixture
def ask(gateways: Gateways, managers: Managers, sessions: Sessions, alice: Caller) -> Ask:
    """Sends a request of a page of some origin, with a token, to a gateway that has one friend."""
    origins = parse_origins(f"{FRIEND}, http://127.0.0.1:8000")
    app = gateways.over(managers, sessions, NoProvider(), cors_origins=origins)
    http = app.test_client(use_cookies=False)

    def send(
        origin: str | None, method: str = "GET", path: str = "/v1/me", **more: str
    ) -> TestResponse:
        headers = {"Authorization": f"Bearer {alice.token}", **more}
        return http.open(
            path, method=method, headers=headers | ({"Origin": origin} if origin else {})
        )

    return send


def preflight(ask: Ask, origin: str) -> TestResponse:
    more = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return ask(origin, "OPTIONS", "/v1/links", **more)


def told(answer: TestResponse) -> set[str]:
    return {name for name, _ in answer.headers if name.startswith("Access-Control-")}


def test_unless_somebody_is_named_nobody_may(alice: Caller) -> None:
    answer = alice.get("/v1/me", headers={"Origin": FRIEND})
    assert (answer.status_code, told(answer), "Vary" in answer.headers) == (200, set(), False)


def test_a_named_origin_may_read_answers_and_errors(ask: Ask) -> None:
    for path, status in (("/v1/me", 200), ("/v1/nothing", 404), ("/v1/imports/7", 404)):
        answer = ask(FRIEND, path=path)
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, FRIEND)
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://APP.example",
        "https://app.example, https://evil.example",
    ],
)
def test_no_other_origin_is_told_anything_and_caches_keep_them_apart(
    ask: Ask, origin: str | None
) -> None:
    answer = ask(origin)
    assert told(answer) == set()
    assert answer.headers["Vary"] == "Origin"


def test_a_named_origin_may_ask_before_it_writes(ask: Ask) -> None:
    answer = preflight(ask, FRIEND)
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == FRIEND
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert told(preflight(ask, "https://evil.example")) == set()


def test_nobody_elsewhere_uses_the_session_cookie(ask: Ask) -> None:
    """Neither to read with it, nor to send what shows that a page is ours."""
    for answer in (ask(FRIEND), preflight(ask, FRIEND)):
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "requested-with" not in str(answer.headers).lower()


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "app.example",
        "https://",
        "https://app.example/",
        "https://app.example/path",
        "https://App.example",
        "https://user@app.example",
        "ftp://app.example",
        "https://app.example https://b.example",
    ],
)
def test_what_is_no_origin_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        parse_origins(text)
