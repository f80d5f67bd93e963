"""What is told of tokens that are revoked, so that whoever remembers them forgets them."""

from delinkcious.messaging.event import Event
from delinkcious.object_model.users import GitHubIdentity, Session
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation
from user_service.credentials import MAX_SESSIONS
from user_service.domain import digest_of
from user_service.manager import UserManager

from .conftest import Published

ALICE = GitHubIdentity(1001, "alice", "", "")


def revocations(published: Published) -> list[Revocation]:
    return [
        Revocation.of(Event(type=each.subject, source="/test", key=each.key, data=each.data))
        for each in published()
        if each.subject == CREDENTIALS_REVOKED
    ]


def of(*tokens: str) -> Revocation:
    return Revocation("alice", frozenset(digest_of(token) for token in tokens))


def sessions_of(service: UserManager, count: int) -> list[Session]:
    service.register(ALICE)
    return [service.login("alice") for _ in range(count)]


def test_a_logout_is_told_once(service: UserManager, published: Published) -> None:
    [session] = sessions_of(service, 1)
    for _ in range(2):
        service.logout(session.access_token)
    assert revocations(published) == [of(session.access_token)]


def test_revoked_sessions_are_told(service: UserManager, published: Published) -> None:
    first, second, third = (each.access_token for each in sessions_of(service, 3))
    ids = [service.authenticate(token).session_id or 0 for token in (first, second)]
    service.revoke_session("alice", ids[0])
    service.revoke_sessions("alice", ids[1])
    service.revoke_sessions("alice")
    service.revoke_sessions("alice")
    assert revocations(published) == [of(first), of(third), of(second)]


def test_a_session_that_is_one_too_many_is_told(service: UserManager, published: Published) -> None:
    first, *_ = sessions_of(service, MAX_SESSIONS + 1)
    assert revocations(published) == [of(first.access_token)]


def test_revoked_api_tokens_are_told(service: UserManager, published: Published) -> None:
    service.register(ALICE)
    first, *others = (service.create_token("alice", name) for name in "abc")
    service.revoke_token("alice", first.details.id)
    service.revoke_tokens("alice")
    service.revoke_tokens("alice")
    assert revocations(published) == [of(first.token), of(*(other.token for other in others))]


def test_a_deletion_tells_of_all_that_the_user_had(
    service: UserManager, published: Published
) -> None:
    sessions_of(service, 1)
    for _ in range(2):
        service.delete_account("alice")
    assert revocations(published) == [Revocation("alice")]


def test_of_very_many_it_is_told_that_it_is_all() -> None:
    digests = [number.to_bytes(32) for number in range(1001)]
    assert Revocation.of_some("alice", digests[:1000]).to_data()["digests"][-1] == "03e7".zfill(64)
    assert Revocation.of_some("alice", digests).to_data() == {"username": "alice", "all": True}
