"""Every endpoint of the OpenAPI document, as everybody: nobody, its owner, somebody else, with each
single scope, with what has expired and what was revoked.

What each takes stands here once more, so that no policy is loosened unseen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from delinkcious.http.openapi import operations
from delinkcious.object_model.users import Scope

from .gateways import Gateways
from .world import MARK, PRIVATE, PUBLIC, STATE, Served, World

READ, WRITE = {Scope.LINKS_READ}, {Scope.LINKS_WRITE}
SOCIAL, NEWS, ACCOUNT = {Scope.SOCIAL}, {Scope.NEWS}, {Scope.ACCOUNT}
ANYBODY = None

Options = dict[str, Any]


def nothing(_world: World) -> Options:
    return {}


@dataclass(frozen=True)
class Call:
    """What an endpoint takes, and how it is called by who owns what the call names.

    Attributes:
        scopes: None if anybody may call it.
        path: what is in its path; the rest goes to the client as it is.
        strangers: what somebody else is told who calls it just so.
    """

    scopes: set[Scope] | None
    status: int
    options: Callable[[World], Options] = nothing
    path: Callable[[World], Options] = nothing
    cookie: bool = True
    strangers: int | None = None


def url(address: str) -> Callable[[World], Options]:
    return lambda _: {"query_string": {"url": address}}


def body(**fields: Any) -> Callable[[World], Options]:
    return lambda _: {"json": fields}


PROOF = {"X-Requested-With": "fetch"}
FILE = {"data": b"url\n", "content_type": "text/csv"}

CALLS = {
    "startLogin": Call(ANYBODY, 302),
    "finishLogin": Call(
        ANYBODY,
        200,
        lambda world: {
            "query_string": {"state": STATE, "code": "c"},
            "headers": {"Cookie": world.login_cookie()},
        },
    ),
    "getFormToken": Call(set(), 200),
    "logout": Call(set(), 204),
    "getMe": Call(ACCOUNT, 200),
    "deleteMe": Call(ACCOUNT, 202, body(username="alice"), cookie=False, strangers=400),
    "exportMe": Call(ACCOUNT | READ | SOCIAL | NEWS, 200),
    "getAudit": Call(ACCOUNT, 200),
    "getDeletion": Call(ANYBODY, 200, path=lambda world: {"deletion_id": world.deletion_id}),
    "getSessions": Call(ACCOUNT, 200),
    "endSession": Call(
        ACCOUNT, 204, path=lambda world: {"session_id": world.session_id}, strangers=404
    ),
    "endSessions": Call(ACCOUNT, 204),
    "getTokens": Call(ACCOUNT, 200),
    "revokeTokens": Call(ACCOUNT, 204),
    "createToken": Call(ACCOUNT, 201, body(name="new", scopes=["account"])),
    "revokeToken": Call(
        ACCOUNT, 204, path=lambda world: {"token_id": world.token_id}, strangers=404
    ),
    "getLinks": Call(READ, 200),
    "addLink": Call(WRITE, 201, body(url="https://new.example/")),
    "updateLink": Call(WRITE, 200, body(url=PRIVATE, title="changed"), strangers=404),
    "deleteLink": Call(WRITE, 204, url(PRIVATE), strangers=404),
    "lookUpLink": Call(READ, 200, url(PRIVATE)),
    "getChanges": Call(READ, 200),
    "getLinksOfUser": Call(READ, 200, path=lambda _: {"username": "alice"}),
    "changeLinks": Call(
        WRITE, 200, lambda world: {"json": {"ids": [world.private_id], "delete": True}}
    ),
    "checkLinks": Call(WRITE, 202, body(url=PRIVATE), strangers=404),
    "getTags": Call(READ, 200),
    "renameTag": Call(WRITE, 200, body(name="new"), lambda _: {"name": MARK}, strangers=404),
    "deleteTag": Call(WRITE, 200, path=lambda _: {"name": MARK}, strangers=404),
    "getImports": Call(READ, 200),
    "startImport": Call(WRITE, 202, lambda _: FILE),
    "getImport": Call(READ, 200, path=lambda w: {"import_id": w.import_id}, strangers=404),
    "cancelImport": Call(WRITE, 200, path=lambda w: {"import_id": w.import_id}, strangers=404),
    "exportLinks": Call(READ, 200),
    "getFollowers": Call(SOCIAL, 200),
    "getFollowing": Call(SOCIAL, 200),
    "follow": Call(SOCIAL, 201, body(username="bob"), strangers=400),
    "unfollow": Call(SOCIAL, 204, lambda _: {"query_string": {"username": "carol"}}, strangers=404),
    "getNews": Call(NEWS, 200),
    "streamNews": Call(NEWS, 200),
    "getNewsFeed": Call(NEWS, 200),
    "createNewsFeed": Call(ACCOUNT | NEWS, 201),
    "revokeNewsFeed": Call(ACCOUNT, 204, strangers=404),
    "getFeedOfLinks": Call(ANYBODY, 200, path=lambda _: {"username": "alice"}),
    "getFeedOfNews": Call(ANYBODY, 200, path=lambda world: {"secret": world.feed_secret}),
}
EVERY = sorted(CALLS)
FOR_USERS = [name for name in EVERY if CALLS[name].scopes is not ANYBODY]
NAMED_SECRETS = {"getFeedOfNews"}
"""What shows its owner's things to whoever knows its address."""


@pytest.fixture(scope="module")
def served(gateways: Gateways) -> Served:
    return Served(gateways)


@pytest.fixture(scope="module")
def places(served: Served) -> dict[str, tuple[str, str]]:
    """Method and path of each operation."""
    document: Any = served.app.spec
    return {
        operation["operationId"]: (method.upper(), path)
        for path, method, operation in operations(document)
    }


@pytest.fixture
def ask(served: Served, places: dict[str, tuple[str, str]]) -> Callable[..., TestResponse]:
    """Calls an endpoint as who owns what the call names would."""

    def send(name: str, headers: dict[str, str]) -> TestResponse:
        call, world = CALLS[name], served.world
        method, path = places[name]
        options = call.options(world)
        headers = headers | options.pop("headers", {})
        path = path.format(**call.path(world))
        return served.http.open(path, method=method, headers=headers, buffered=True, **options)

    return send


Ask = Callable[[str, dict[str, str]], TestResponse]


def by_header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def by_cookie(token: str, **more: str) -> dict[str, str]:
    return {"Cookie": f"session={token}", **more}


def is_success(name: str, response: TestResponse) -> bool:
    return response.status_code == CALLS[name].status


def test_every_endpoint_of_the_document_is_here(places: dict[str, tuple[str, str]]) -> None:
    assert set(CALLS) == set(places)


@pytest.mark.parametrize("name", EVERY)
def test_nobody_is_answered_where_anybody_may_call(name: str, served: Served, ask: Ask) -> None:
    before = served.anew().state
    response = ask(name, {})
    if CALLS[name].scopes is ANYBODY:
        assert is_success(name, response)
    else:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="delinkcious"'
    assert (MARK in response.text) == (name in NAMED_SECRETS)
    assert served.world.state == before


@pytest.mark.parametrize("name", EVERY)
def test_its_owner_is_answered(name: str, served: Served, ask: Ask) -> None:
    """With a session, a token for everything, and a token for just this."""
    for make in (World.session, World.token, lambda w: w.token(*(CALLS[name].scopes or ()))):
        response = ask(name, by_header(make(served.anew())))
        assert is_success(name, response), response.text
        if CALLS[name].scopes is not ANYBODY:
            assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", FOR_USERS)
def test_a_single_scope_opens_what_takes_no_other(name: str, served: Served, ask: Ask) -> None:
    needed = CALLS[name].scopes or set()
    challenge = f'error="insufficient_scope", scope="{" ".join(sorted(needed))}"'
    for scope in Scope:
        token = served.anew().token(scope)
        before = served.world.state
        response = ask(name, by_header(token))
        if needed <= {scope}:
            assert is_success(name, response), f"{scope}: {response.text}"
            continue
        assert response.status_code == 403, scope
        assert response.headers["WWW-Authenticate"] == f'Bearer realm="delinkcious", {challenge}'
        assert response.content_type == "application/problem+json"
        assert MARK not in response.text
        assert served.world.state == before


DEAD = [
    World.expired_session,
    World.expired_token,
    World.revoked_session,
    World.revoked_token,
    World.token_of_nobody,
]


@pytest.mark.parametrize("name", FOR_USERS)
def test_what_has_expired_or_was_revoked_opens_nothing(name: str, served: Served, ask: Ask) -> None:
    for make in DEAD:
        token = make(served.anew())
        before = served.world.state
        shown = ask(name, by_header(token))
        assert 'error="invalid_token"' in shown.headers["WWW-Authenticate"], make
        for response in (shown, ask(name, by_cookie(token, **PROOF))):
            assert response.status_code == 401, make
            assert MARK not in response.text
        assert served.world.state == before


@pytest.mark.parametrize("name", FOR_USERS)
def test_what_is_somebody_elses_is_not_there(name: str, served: Served, ask: Ask) -> None:
    """And never a 403, which would tell that it is."""
    before = served.anew().state
    response = ask(name, by_header(served.world.session("bob")))
    call = CALLS[name]
    assert response.status_code == (call.strangers or call.status), response.text
    assert MARK not in without_what_was_asked(response.text)
    assert served.world.state == before


def without_what_was_asked(text: str) -> str:
    """Bob's own address has the mark, and he is told what he asked for."""
    return text.replace(f"bob-{MARK}@", "").replace(PRIVATE, "")


@pytest.mark.parametrize("name", FOR_USERS)
def test_the_cookie_suffices_where_it_may_and_writes_with_proof(
    name: str, served: Served, ask: Ask, places: dict[str, tuple[str, str]]
) -> None:
    reads, call = places[name][0] == "GET", CALLS[name]
    session = served.anew().session()
    before = served.world.state
    without = call.status if reads else 403 if call.cookie else 401
    for forged in ({}, PROOF | {"Origin": "https://evil.example"}):
        assert ask(name, by_cookie(session, **forged)).status_code == without
    assert reads or served.world.state == before
    ours = PROOF | {"Sec-Fetch-Site": "same-origin"}
    assert ask(name, by_cookie(session, **ours)).status_code == (
        call.status if call.cookie else 401
    )


def test_the_public_pages_show_public_links_only(served: Served, ask: Ask) -> None:
    served.anew()
    assert PUBLIC in ask("getFeedOfLinks", {}).text
    assert PUBLIC in ask("getLinksOfUser", by_header(served.world.session("bob"))).text
