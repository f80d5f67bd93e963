"""What is revoked is good for nothing within a second, also at a gateway that did not revoke it."""

import json
from collections.abc import Callable
from time import monotonic

from delinkcious.auth import constant
from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.http.client import HttpClient
from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.stack import Stack


def another_gateway(stack: Stack) -> UserClient:
    """Calls the user service as another replica of the gateway does."""
    file = stack.folder / "secrets" / "mutual-auth-api-gateway.yaml"
    token = json.loads(file.read_text())["user-manager"]
    address = Address("127.0.0.1", stack.member("user-manager")["port"])
    return UserClient(HttpClient("user-manager", address, token=constant(token)))


def status(caller: Api) -> int:
    return caller.send("GET", "/v1/me").status_code


def test_sessions_and_tokens_that_another_gateway_revokes_end_within_a_second(
    stack: Stack, user: Callable[[str], Api]
) -> None:
    """The gateway has just heard that they are good, and would believe it for five seconds."""
    alice = user("revoked")
    made = alice.call("POST", "/v1/tokens", json={"name": "script"})
    script = Api(alice.base, made["token"], alice.username)
    bystander = user("bystander")
    assert [status(each) for each in (alice, script, bystander)] == [200, 200, 200]
    reading = alice.send("GET", "/v1/news/stream", stream=True)
    lines = reading.iter_lines()
    assert next(lines).startswith(b"retry:")
    elsewhere = another_gateway(stack)
    elsewhere.revoke_sessions(alice.username)
    elsewhere.revoke_tokens(alice.username)
    revoked = monotonic()
    wait_until(lambda: status(alice) == 401 and status(script) == 401)
    assert not any(lines)  # the stream has ended, and nothing came any more
    assert monotonic() - revoked < 1
    assert status(bystander) == 200
