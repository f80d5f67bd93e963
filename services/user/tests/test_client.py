"""The client, where it differs from a manager in the same process; the contract tests have the
rest.
"""

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse

import pytest

from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, NotFound, Unauthenticated, Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.object_model.users import GitHubIdentity, Identity, TokenKind
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from delinkcious.testing.waiting import free_port
from user_service.domain import new_token
from user_service.http import create_user_app
from user_service.manager import UserManager


@pytest.fixture
def address(in_memory: UserManager) -> Iterator[Address]:
    with serving(create_user_app(in_memory, auth_for("api-gateway"))) as address:
        yield address


def client(address: Address, caller: str = "api-gateway") -> UserClient:
    return UserClient(HttpClient("user-manager", address, token=token_of(caller)))


def test_what_has_not_the_form_of_a_token_secret_or_id_is_refused_without_asking() -> None:
    away = client(Address("127.0.0.1", free_port()))
    for token in ("", "nonsense", "..", "x?y", "\xff\U000cd9b1", "\ud800", "x" * 10_000):
        with pytest.raises(Unauthenticated):
            away.authenticate(token)
        for ask in (away.get_feed_owner, away.get_deletion):
            with pytest.raises(NotFound):
                ask(token)


def test_a_refused_caller_is_an_internal_error_and_not_the_users_fault(address: Address) -> None:
    with pytest.raises(DelinkciousError) as caught:
        client(address, "a stranger").authenticate(new_token(TokenKind.SESSION))
    assert not isinstance(caught.value, Unauthenticated)


def test_a_service_that_is_not_there_is_unavailable() -> None:
    away = client(Address("127.0.0.1", free_port()))
    with pytest.raises(Unavailable, match="user-manager"):
        away.authenticate(new_token(TokenKind.SESSION))


def test_of_a_service_that_does_not_say_which_session_it_is_the_rest_is_taken() -> None:
    """Gateways are renewed before the service, or after it."""

    def before(_: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"identity":{"username":"alice","scopes":["news"],"expires_at":null}}']

    with serving(before) as address:
        identity = client(address).authenticate(new_token(TokenKind.API_TOKEN))
    assert identity == Identity("alice", ("news",), None)


def test_names_of_people_come_through_in_any_script(address: Address) -> None:
    identity = GitHubIdentity(1, "li", "李 <>&\"'\\ 🦊", "li@exämple.com")
    user = client(address).register(identity)
    assert (user.name, user.email) == (identity.name, identity.email)
