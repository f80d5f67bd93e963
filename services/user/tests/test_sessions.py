"""Sessions and API tokens, on the store in memory, on Postgres, and over HTTP."""

from datetime import timedelta

import pytest

from delinkcious.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unauthenticated,
)
from delinkcious.object_model.users import (
    MAX_TOKENS,
    GitHubIdentity,
    Identity,
    TokenKind,
    kind_of_token,
)
from delinkcious.object_model.users import UserManager as Manager
from user_service.credentials import MAX_SESSIONS
from user_service.manager import UserManager

from .conftest import IDLE, LIFETIME, Clock


@pytest.fixture(autouse=True)
def accounts(request: pytest.FixtureRequest) -> None:
    name = "manager" if "manager" in request.fixturenames else "service"
    manager: Manager = request.getfixturevalue(name)
    for number, login in enumerate(("alice", "bob")):
        manager.register(GitHubIdentity(1001 + number, login, "", ""))


def is_good(manager: Manager, token: str) -> bool:
    try:
        manager.authenticate(token)
    except Unauthenticated:
        return False
    return True


def test_a_session_belongs_to_who_logged_in_and_may_do_everything(
    manager: Manager, clock: Clock
) -> None:
    session = manager.login("alice")
    assert session.username == "alice"
    assert session.expires_at == clock.now + LIFETIME
    assert kind_of_token(session.access_token) is TokenKind.SESSION
    [opened] = manager.get_sessions("alice")
    assert manager.authenticate(session.access_token) == Identity(
        "alice", None, clock.now + IDLE, session_id=opened.id
    )


def test_each_login_opens_a_session_of_its_own(manager: Manager) -> None:
    first, second = manager.login("alice"), manager.login("alice")
    manager.logout(first.access_token)
    assert not is_good(manager, first.access_token)
    assert is_good(manager, second.access_token)


def test_nobody_logs_in_without_an_account(manager: Manager) -> None:
    with pytest.raises(NotFound):
        manager.login("carol")


def test_a_session_ends_with_its_time_however_much_it_is_used(
    manager: Manager, clock: Clock
) -> None:
    token = manager.login("alice").access_token
    for _ in range(5):
        clock.turn(days=5)
        assert is_good(manager, token)
    clock.turn(days=4, hours=23, minutes=59, seconds=59)
    assert is_good(manager, token)
    clock.turn(seconds=1)
    assert not is_good(manager, token)


def test_a_session_ends_when_it_is_not_used(manager: Manager, clock: Clock) -> None:
    used, unused = (manager.login("alice").access_token for _ in range(2))
    clock.turn(days=6)
    assert is_good(manager, used)
    clock.turn(days=1)
    assert (is_good(manager, used), is_good(manager, unused)) == (True, False)
    assert len(manager.get_sessions("alice")) == 1


def test_uses_are_noted_once_a_minute(manager: Manager, clock: Clock) -> None:
    began, session = clock.now, manager.login("alice").access_token
    token = manager.create_token("alice", "laptop").token
    assert manager.get_tokens("alice")[0].last_used_at is None

    def noted() -> list[object]:
        for each in (session, token):
            manager.authenticate(each)
        return [
            manager.get_sessions("alice")[0].last_used_at,
            manager.get_tokens("alice")[0].last_used_at,
        ]

    assert noted() == [began, began]
    clock.turn(seconds=59)
    assert noted() == [began, began]
    clock.turn(seconds=1)
    assert noted() == [clock.now, clock.now]
    clock.turn(seconds=59)
    assert noted() != [clock.now, clock.now]


def test_open_sessions_are_listed_oldest_first_with_what_opened_them(
    manager: Manager, clock: Clock
) -> None:
    began = clock.now
    manager.login("alice", "Firefox\non Linux " + "x" * 300)
    clock.turn(days=1)
    manager.login("alice")
    manager.login("bob")
    first, second = manager.get_sessions("alice")
    assert first.client == "Firefox on Linux " + "x" * 183
    assert (first.created_at, first.last_used_at) == (began, began)
    assert first.expires_at == began + IDLE
    assert (second.client, second.created_at) == ("", clock.now)
    assert first.id != second.id
    clock.turn(days=6)
    assert manager.get_sessions("alice") == [second]


def test_of_more_sessions_than_one_may_have_those_end_that_were_used_the_longest_ago(
    manager: Manager, clock: Clock
) -> None:
    others = manager.login("bob").access_token
    used, unused, *kept = (manager.login("alice").access_token for _ in range(MAX_SESSIONS))
    clock.turn(minutes=1)
    assert is_good(manager, used)
    kept.append(manager.login("alice").access_token)
    assert not is_good(manager, unused)
    assert all(is_good(manager, token) for token in [used, *kept, others])
    assert len(manager.get_sessions("alice")) == MAX_SESSIONS


def test_one_session_is_revoked_by_its_owner_alone(manager: Manager) -> None:
    tokens = [manager.login("alice").access_token for _ in range(2)]
    first = manager.get_sessions("alice")[0].id
    for owner, session_id in (("bob", first), ("alice", 10**30)):
        with pytest.raises(NotFound):
            manager.revoke_session(owner, session_id)
    assert [is_good(manager, token) for token in tokens] == [True, True]
    manager.revoke_session("alice", first)
    assert [is_good(manager, token) for token in tokens] == [False, True]
    with pytest.raises(NotFound):
        manager.revoke_session("alice", first)


def test_all_sessions_but_one_are_revoked_and_then_all(manager: Manager) -> None:
    tokens = [manager.login("alice").access_token for _ in range(3)]
    others, api_token = manager.login("bob"), manager.create_token("alice", "laptop").token
    kept = manager.authenticate(tokens[1]).session_id
    manager.revoke_sessions("alice", kept)
    assert [is_good(manager, token) for token in tokens] == [False, True, False]
    manager.revoke_sessions("alice")
    manager.revoke_sessions("alice")
    assert manager.get_sessions("alice") == []
    assert is_good(manager, others.access_token)
    assert is_good(manager, api_token)


def test_all_api_tokens_are_revoked_at_once(manager: Manager) -> None:
    tokens = [manager.create_token("alice", name).token for name in "ab"]
    session, others = manager.login("alice"), manager.create_token("bob", "a").token
    manager.revoke_tokens("alice")
    assert [is_good(manager, token) for token in tokens] == [False, False]
    assert manager.get_tokens("alice") == []
    assert is_good(manager, session.access_token)
    assert is_good(manager, others)


def test_a_login_opens_one_session_however_often_it_is_finished(manager: Manager) -> None:
    first = manager.login("alice", state="once").access_token
    manager.logout(first)
    with pytest.raises(AlreadyExists) as caught:
        manager.login("alice", state="once")
    assert caught.value.violations[0].field == "state"
    assert manager.get_sessions("alice") == []
    manager.login("alice", state="another")


def test_that_a_login_has_opened_its_session_is_known_for_an_hour(
    service: UserManager, clock: Clock
) -> None:
    service.login("alice", state="once")
    clock.turn(minutes=59)
    assert service.delete_expired(10) == 0
    with pytest.raises(AlreadyExists):
        service.login("alice", state="once")
    clock.turn(minutes=1)
    assert service.delete_expired(10) == 1


def test_a_login_of_nobody_uses_up_nothing(manager: Manager) -> None:
    with pytest.raises(NotFound):
        manager.login("carol", state="once")
    manager.login("alice", state="once")


def test_logging_out_twice_or_with_what_is_no_token_is_no_error(manager: Manager) -> None:
    token = manager.login("alice").access_token
    for given in (token, token, "nonsense"):
        manager.logout(given)


def test_logging_out_with_an_api_token_leaves_it_valid(manager: Manager) -> None:
    token = manager.create_token("alice", "laptop").token
    manager.logout(token)
    assert is_good(manager, token)


@pytest.mark.parametrize(
    "token", ["", "x", "dls_" + "a" * 43, "dlt_" + "a" * 43, "é", "a b", "\x00"]
)
def test_a_token_that_was_never_given_is_nobodys(manager: Manager, token: str) -> None:
    with pytest.raises(Unauthenticated, match="unknown, expired or revoked"):
        manager.authenticate(token)


def test_one_kind_of_token_does_not_pass_for_the_other(manager: Manager) -> None:
    token = manager.create_token("alice", "laptop").token
    assert not is_good(manager, TokenKind.SESSION + token[4:])


def test_an_api_token_may_do_what_its_scopes_say(manager: Manager, clock: Clock) -> None:
    later = clock.now + timedelta(days=1)
    made = manager.create_token("alice", "laptop", ("news", "links:read"), later)
    assert kind_of_token(made.token) is TokenKind.API_TOKEN
    assert (made.details.name, made.details.scopes) == ("laptop", ("links:read", "news"))
    assert (made.details.created_at, made.details.expires_at) == (clock.now, later)
    assert manager.authenticate(made.token) == Identity(
        "alice", ("links:read", "news"), later, token_id=made.details.id
    )


def test_an_api_token_without_limits_may_do_everything_for_ever(
    manager: Manager, clock: Clock
) -> None:
    made = manager.create_token("alice", "laptop")
    clock.turn(days=10_000)
    assert manager.authenticate(made.token) == Identity(
        "alice", None, None, token_id=made.details.id
    )


def test_an_expired_api_token_is_gone_and_its_name_free(manager: Manager, clock: Clock) -> None:
    later = clock.now + timedelta(days=1)
    made = manager.create_token("alice", "laptop", None, later)
    clock.turn(days=1)
    assert not is_good(manager, made.token)
    assert manager.get_tokens("alice") == []
    with pytest.raises(NotFound):
        manager.revoke_token("alice", made.details.id)
    assert manager.create_token("alice", "laptop").details.name == "laptop"


def test_tokens_are_listed_oldest_first_to_their_owner_alone(manager: Manager) -> None:
    made = [manager.create_token("alice", name).details for name in ("c", "a", "b")]
    manager.create_token("bob", "a")
    assert manager.get_tokens("alice") == made
    assert manager.get_tokens("carol") == []


def test_a_token_is_revoked_by_its_owner_alone(manager: Manager) -> None:
    made = manager.create_token("alice", "laptop")
    with pytest.raises(NotFound):
        manager.revoke_token("bob", made.details.id)
    assert is_good(manager, made.token)
    manager.revoke_token("alice", made.details.id)
    assert not is_good(manager, made.token)
    with pytest.raises(NotFound):
        manager.revoke_token("alice", made.details.id)


def test_a_token_id_that_no_token_can_have_is_not_found(manager: Manager) -> None:
    with pytest.raises(NotFound):
        manager.revoke_token("alice", 10**30)


def test_two_tokens_of_a_user_have_different_names(manager: Manager) -> None:
    manager.create_token("alice", "laptop")
    with pytest.raises(AlreadyExists) as caught:
        manager.create_token("alice", " laptop ")
    assert caught.value.violations[0].field == "name"
    manager.create_token("bob", "laptop")


def test_nobody_has_a_token_without_an_account(manager: Manager) -> None:
    with pytest.raises(NotFound):
        manager.create_token("carol", "laptop")


@pytest.mark.parametrize(
    ("field", "wrong"), [("name", " "), ("scopes", ("everything",)), ("scopes", ())]
)
def test_a_wrong_request_for_a_token_is_named(manager: Manager, field: str, wrong: object) -> None:
    given = {"name": "laptop", field: wrong}
    with pytest.raises(InvalidArgument) as caught:
        manager.create_token("alice", **given)  # type: ignore[arg-type]
    assert [violation.field for violation in caught.value.violations] == [field]


def test_an_expiry_in_the_past_is_refused(manager: Manager, clock: Clock) -> None:
    with pytest.raises(InvalidArgument) as caught:
        manager.create_token("alice", "laptop", None, clock.now)
    assert caught.value.violations[0].field == "expires_at"


def test_a_user_has_a_limited_number_of_tokens_that_are_alive(
    service: UserManager, clock: Clock
) -> None:
    later = clock.now + timedelta(days=1)
    ids = [
        service.create_token("alice", str(number), None, later if number else None).details.id
        for number in range(MAX_TOKENS)
    ]
    with pytest.raises(FailedPrecondition, match="100 tokens"):
        service.create_token("alice", "one more")
    service.create_token("bob", "another's")
    service.revoke_token("alice", ids[0])
    service.create_token("alice", "one more", None, later)
    clock.turn(days=1)
    service.create_token("alice", "after the others expired")
    assert len(service.get_tokens("alice")) == 1


def test_what_has_expired_is_removed_in_batches_and_nothing_else_is(
    service: UserManager, clock: Clock
) -> None:
    old = [service.login("alice").access_token for _ in range(3)]
    service.create_token("alice", "short", None, clock.now + timedelta(days=1))
    clock.turn(days=1)
    live = service.login("alice").access_token
    lasting = service.create_token("bob", "lasting").token
    for _ in range(5):
        clock.turn(days=5, hours=19)
        assert is_good(service, live)
    clock.turn(hours=1)
    assert [service.delete_expired(2) for _ in range(3)] == [3, 1, 0]
    assert [is_good(service, token) for token in (*old, live, lasting)] == [False] * 3 + [True] * 2
