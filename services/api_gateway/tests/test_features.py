"""What can be switched off."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from api_gateway import features
from api_gateway.app import Managers
from api_gateway.features import ENDPOINTS, Features
from api_gateway.policy import policy_of
from api_gateway.testing import Caller
from delinkcious.http.app import RestApp

Build = Callable[[Managers], RestApp]

CALLS = {
    "logins": ("GET", "/login/authorized?code=c&state=s"),
    "imports": ("POST", "/v1/imports?format=csv"),
    "exports": ("GET", "/v1/export"),
    "news_stream": ("GET", "/v1/news/stream"),
}


@pytest.fixture
def app(build: Build, managers: Managers) -> RestApp:
    return build(managers)


@pytest.fixture
def switch(app: RestApp) -> Callable[..., None]:
    """Says what is on."""
    now = Features()
    features.install(app, lambda: now)

    def set_features(**given: bool) -> None:
        nonlocal now
        now = Features(**given)

    return set_features


def test_every_feature_has_endpoints_and_every_endpoint_exists(app: RestApp) -> None:
    assert set(ENDPOINTS.values()) == set(Features.model_fields) == set(CALLS)
    assert set(app.view_functions) >= set(ENDPOINTS)


@pytest.mark.parametrize("feature", CALLS)
def test_what_is_switched_off_says_so_and_comes_back(
    feature: str, switch: Callable[..., None], alice: Caller
) -> None:
    method, path = CALLS[feature]

    def status() -> int:
        response = alice.call(method, path)
        response.close()
        return response.status_code

    before = status()
    switch(**{feature: False})
    response = alice.call(method, path)
    assert response.status_code == 503
    assert response.json
    assert response.json["detail"] == f"This is switched off at the moment: {feature}."
    switch(**{other: other == feature for other in CALLS})
    assert status() == before != 503


def test_who_may_call_is_asked_first(
    switch: Callable[..., None], http: FlaskClient, app: RestApp
) -> None:
    switch(exports=False)
    assert http.get("/v1/export").status_code == 401
    assert all(policy_of(app.view_functions[endpoint]) for endpoint in ENDPOINTS)


def test_nothing_else_is_switched_off(switch: Callable[..., None], alice: Caller) -> None:
    switch(**dict.fromkeys(CALLS, False))
    for path in ("/v1/links", "/v1/me", "/v1/news", "/v1/imports"):
        assert alice.call("GET", path).status_code == 200
