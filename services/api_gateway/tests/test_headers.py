"""What every answer tells browsers and caches."""

import pytest
from flask.testing import FlaskClient

from api_gateway.app import Managers
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, NoProvider

from .gateways import Gateways

SAFE = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OVER_HTTP = "Strict-Transport-Security"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"),
        ("GET", "/v1/links"),
        ("GET", "/v1/export"),
        ("GET", "/v1/me/export"),
        ("GET", "/v1/nothing"),
        ("PATCH", "/v1/links"),
        ("POST", "/logout"),
        ("GET", "/openapi.json"),
        ("OPTIONS", "/v1/links"),
    ],
)
def test_an_answer_is_for_nobody_else_and_may_do_nothing(
    alice: Caller, http: FlaskClient, method: str, path: str
) -> None:
    for answer in (alice.call(method, path), http.open(path, method=method)):
        for name, value in SAFE.items():
            assert answer.headers.getlist(name) == [value]
        assert answer.headers["Cache-Control"] == "no-store"
        assert OVER_HTTP not in answer.headers


def test_on_https_browsers_are_told_to_stay_there(
    gateways: Gateways, managers: Managers, sessions: Sessions
) -> None:
    app = gateways.over(managers, sessions, NoProvider(), public_url="https://links.example")
    assert app.test_client().get("/").headers[OVER_HTTP] == "max-age=31536000"
