"""What an API token may pass on to those that it makes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_gateway.testing import Caller, fields
from delinkcious.object_model.users import Scope

SOON = datetime.now(UTC) + timedelta(hours=1)
LATER = SOON + timedelta(seconds=1)
LIMITED = [Scope.ACCOUNT, Scope.NEWS]


def with_token(caller: Caller, **limits: Any) -> Caller:
    """The same user, with an API token of some limits."""
    made = caller.post("/v1/tokens", json={"name": "maker", **limits})
    assert made.json is not None
    return Caller(caller.username, made.json["token"], caller.http)


@pytest.mark.parametrize("scopes", [[Scope.NEWS], LIMITED])
def test_it_may_pass_on_what_it_may_do_itself(alice: Caller, scopes: list[str]) -> None:
    token = with_token(alice, scopes=LIMITED)
    assert token.post("/v1/tokens", json={"name": "t", "scopes": scopes}).status_code == 201


@pytest.mark.parametrize(
    "wanted", [{}, {"scopes": None}, {"scopes": [Scope.LINKS_READ]}, {"scopes": list(Scope)}]
)
def test_it_makes_none_that_may_do_more(alice: Caller, wanted: dict[str, Any]) -> None:
    token = with_token(alice, scopes=LIMITED)
    answer = token.post("/v1/tokens", json={"name": "t", **wanted})
    assert (answer.status_code, fields(answer)) == (403, ["scopes"])


@pytest.mark.parametrize("limits", [{}, {"scopes": LIMITED}])
def test_it_makes_none_that_lives_longer(alice: Caller, limits: dict[str, Any]) -> None:
    token = with_token(alice, expires_at=SOON.isoformat(), **limits)
    for name, expires_at in (("a", None), ("b", LATER.isoformat())):
        wanted = {"name": name, "scopes": [Scope.NEWS], "expires_at": expires_at}
        answer = token.post("/v1/tokens", json=wanted)
        assert (answer.status_code, fields(answer)) == (403, ["expires_at"])
    wanted = {"name": "c", "scopes": [Scope.NEWS], "expires_at": SOON.isoformat()}
    assert token.post("/v1/tokens", json=wanted).status_code == 201


def test_a_session_makes_any(alice: Caller) -> None:
    """It ends, and what it makes need not."""
    assert alice.post("/v1/tokens", json={"name": "t"}).status_code == 201
