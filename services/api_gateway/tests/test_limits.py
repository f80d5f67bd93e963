"""What is limited, of whom, and what is said of it."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from limits import RateLimitItem
from limits.storage import MemoryStorage
from pydantic import ValidationError
from werkzeug.test import TestResponse

from api_gateway import limits as limits_module
from api_gateway.app import Managers, create_gateway_app
from api_gateway.client_address import Proxies, parse_proxies
from api_gateway.cookies import LoginCookie
from api_gateway.limits import DEAR, Kind, Limiter, Limits
from api_gateway.limits_counters import Counters
from api_gateway.limits_leases import Leases
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, NoProvider
from delinkcious.http.app import RestApp, create_app
from delinkcious.object_model.users import UserManager

MANY = "1000000/hour"
FEW = "3/hour"
Enter = Callable[[str], Caller]
Build = Callable[..., RestApp]


@pytest.fixture
def limits() -> dict[str, str]:
    """The limits that hold; a test lowers some."""
    return dict.fromkeys(Kind, MANY)


@pytest.fixture
def app(managers: Managers, sessions: Sessions, limits: dict[str, str]) -> RestApp:
    current: list[tuple[dict[str, str], Limits]] = [({}, Limits())]

    def read() -> Limits:
        if current[0][0] != limits:
            current[0] = (dict(limits), Limits.model_validate(limits))
        return current[0][1]

    return create_gateway_app(
        managers,
        sessions,
        NoProvider(),
        LoginCookie("k" * 32),
        proxies=Proxies(parse_proxies("10.0.0.1")),
        limiter=Limiter(Leases(Counters(MemoryStorage(), b"key")), read),
    )


def statuses(times: int, call: Callable[[], TestResponse]) -> list[int]:
    return [call().status_code for _ in range(times)]


def test_one_who_asks_too_much_is_refused_and_told_when_to_come_again(
    alice: Caller, limits: dict[str, str]
) -> None:
    limits["user"] = FEW
    assert statuses(3, lambda: alice.get("/v1/links")) == [200] * 3
    refused = alice.get("/v1/links")
    assert refused.status_code == 429
    assert refused.content_type == "application/problem+json"
    assert refused.json is not None
    assert refused.json["type"] == "urn:delinkcious:problem:resource-exhausted"
    assert "the limit `user` is 3/hour" in refused.json["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert '"user";r=0;t=' in refused.headers["RateLimit"]
    assert refused.headers["Cache-Control"] == "no-store"


def test_every_answer_says_which_limits_it_counted_for_and_what_is_left(
    alice: Caller, limits: dict[str, str]
) -> None:
    limits |= {"address": "500/minute", "user": "50/hour", "token": "5/day"}
    for left in (4, 3):
        said = alice.get("/v1/links").headers
        assert said["RateLimit-Policy"] == (
            '"address";q=500;w=60, "user";q=50;w=3600, "token";q=5;w=86400'
        )
        states = re.findall(r'"(\w+)";r=(\d+);t=(\d+)', said["RateLimit"])
        assert [name for name, *_ in states] == ["address", "user", "token"]
        assert int(states[2][1]) == left
        assert all(0 < int(seconds) <= 86_400 for *_, seconds in states)


def test_who_says_nothing_of_himself_is_limited_by_address(
    app: RestApp, limits: dict[str, str]
) -> None:
    limits["address"] = FEW
    http = app.test_client()

    def ask(address: str, path: str = "/docs", **headers: str) -> int:
        there = {"REMOTE_ADDR": address}
        return http.get(path, environ_base=there, headers=headers).status_code

    assert [ask("203.0.113.7") for _ in range(4)] == [200, 200, 200, 429]
    assert ask("203.0.113.7", "/v1/nothing") == 429
    assert ask("203.0.113.7", "/v1/me", Authorization="Bearer guessed") == 429
    assert ask("203.0.113.8") == 200


def test_a_forged_header_changes_nothing(app: RestApp, limits: dict[str, str]) -> None:
    limits["address"] = FEW
    http = app.test_client()

    def ask(peer: str, number: int, before: str = "") -> int:
        names = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP")
        headers = dict.fromkeys(names, f"198.51.100.{number}") | (
            {"X-Forwarded-For": f"198.51.100.{number}{before}"}
        )
        return http.get("/docs", environ_base={"REMOTE_ADDR": peer}, headers=headers).status_code

    assert [ask("203.0.113.7", number) for number in range(4)] == [200] * 3 + [429]
    through_proxy = [ask("10.0.0.1", number, ", 203.0.113.9") for number in range(4)]
    assert through_proxy == [200] * 3 + [429]


def test_of_ipv6_a_whole_network_is_one_address(app: RestApp, limits: dict[str, str]) -> None:
    limits["address"] = FEW
    http = app.test_client()

    def ask(address: str) -> int:
        return http.get("/docs", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask(f"2001:db8:1:2:{n}::1") for n in range(4)] == [200] * 3 + [429]
    assert ask("2001:db8:1:3::1") == 200
    assert [ask("::ffff:203.0.113.7"), ask("203.0.113.7")] == [200, 200]
    assert [ask("::ffff:203.0.113.7"), ask("203.0.113.7")] == [200, 429]


def test_a_token_has_a_limit_of_its_own_and_shares_that_of_its_user(
    alice: Caller, users: UserManager, limits: dict[str, str]
) -> None:
    other = Caller("alice", users.login("alice").access_token, alice.http)
    limits |= {"token": FEW, "user": "5/hour"}
    assert statuses(4, lambda: alice.get("/v1/me")) == [200] * 3 + [429]
    assert statuses(3, lambda: other.get("/v1/me"))[-1] == 429


def test_nobody_spends_what_is_anothers(alice: Caller, bob: Caller, limits: dict[str, str]) -> None:
    limits |= {"token": FEW, "user": FEW}
    assert statuses(30, lambda: alice.get("/v1/me")).count(200) == 3
    assert statuses(3, lambda: bob.get("/v1/me")) == [200] * 3


def call_login(caller: Caller) -> TestResponse:
    return caller.http.get("/login")


def call_authorized(caller: Caller) -> TestResponse:
    return caller.http.get("/login/authorized?state=forged&code=x")


def call_import(caller: Caller) -> TestResponse:
    return caller.post("/v1/imports", data={"file": (BytesIO(b"[]"), "links.json")})


def call_check(caller: Caller) -> TestResponse:
    return caller.post("/v1/links/check", json={"ids": [1]})


def call_bulk_check(caller: Caller) -> TestResponse:
    return caller.post("/v1/links/bulk", json={"ids": [1], "check": True})


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (Kind.LOGIN, call_login),
        (Kind.LOGIN, call_authorized),
        (Kind.IMPORTS, call_import),
        (Kind.CHECKS, call_check),
        (Kind.CHECKS, call_bulk_check),
    ],
)
def test_what_is_dear_is_limited_more_tightly(
    alice: Caller, limits: dict[str, str], kind: Kind, call: Callable[[Caller], TestResponse]
) -> None:
    limits[kind] = FEW
    answers = [call(alice) for _ in range(4)]
    assert 429 not in [answer.status_code for answer in answers[:3]]
    assert answers[3].status_code == 429
    assert f'"{kind}";q=3;w=3600' in answers[3].headers["RateLimit-Policy"]
    assert alice.get("/v1/links").status_code == 200  # all else goes on


def test_changing_many_links_without_a_check_is_not_dear(
    alice: Caller, limits: dict[str, str]
) -> None:
    limits["checks"] = FEW
    body = {"ids": [1], "add_tags": ["a"]}
    assert statuses(5, lambda: alice.post("/v1/links/bulk", json=body)) == [200] * 5


def test_by_default_what_is_dear_is_the_tightest() -> None:
    def per_minute(kind: str) -> float:
        limit: RateLimitItem = getattr(Limits(), kind)
        return limit.amount * 60 / limit.get_expiry()

    dear = {str(kind) for kind in DEAR.values()}
    assert max(map(per_minute, dear)) < min(map(per_minute, set(Kind) - dear))


def test_limits_that_change_hold_for_the_next_request(
    alice: Caller, limits: dict[str, str]
) -> None:
    assert statuses(4, lambda: alice.get("/v1/me")) == [200] * 4
    limits["token"] = "1/hour"
    assert statuses(2, lambda: alice.get("/v1/me")) == [200, 429]
    limits["token"] = MANY
    assert alice.get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    "text", ["600 / minute", "0/minute", "ten/minute", "5", "5/week", "-1/day"]
)
def test_a_limit_is_a_number_and_a_time(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a number and a time"):
        Limits.model_validate({"user": text})


def test_limits_are_read_and_written_as_the_same_text() -> None:
    written: dict[str, Any] = Limits().model_dump(mode="json")
    assert set(written) == set(Kind)
    assert written["token"] == "600/minute"
    assert Limits.model_validate_json(Limits().model_dump_json(), strict=True) == Limits()


def test_an_endpoint_that_is_limited_must_exist() -> None:
    app = create_app(__name__, title="t", version="1", auth=None)
    limiter = Limiter(Leases(Counters(MemoryStorage(), b"key")))
    with pytest.raises(RuntimeError, match=", ".join(sorted(limits_module.DEAR))):
        limits_module.install(app, limiter)


def test_every_operation_tells_that_it_may_be_refused(app: RestApp) -> None:
    document: Any = app.spec
    for path, item in document["paths"].items():
        for method, operation in item.items():
            refusal = operation["responses"]["429"]
            assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(refusal["headers"]), (
                f"{method} {path}"
            )
            assert "application/problem+json" in refusal["content"]
