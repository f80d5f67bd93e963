"""What is revoked at one gateway is forgotten by all."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from structlog.testing import capture_logs

from api_gateway.revocations import heed_revocations
from api_gateway.sessions import Sessions
from delinkcious.errors import Unauthenticated
from delinkcious.messaging.background import BackgroundBroker
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.users import GitHubIdentity, UserManager
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation
from delinkcious.testing.embedded import EmbeddedNats
from delinkcious.testing.messaging import InMemoryBackgroundBroker
from delinkcious.testing.running import RunningServer, running
from delinkcious.testing.waiting import free_port, wait_until
from user_service.memory import InMemoryUserStore

LONG = 3600


def ignored(_username: str) -> None:
    """Ends no streams, for there are none."""


def gateway(users: UserManager) -> Sessions:
    """Another gateway's memory, in which whatever is not told would stay for long."""
    return Sessions(users, seconds=LONG, size=100)


def knows(sessions: Sessions, token: str) -> bool:
    try:
        sessions.identify(token)
    except Unauthenticated:
        return False
    return True


def told(store: InMemoryUserStore) -> list[Event]:
    """The revocations that the user service has told so far."""
    return [
        Event(type=entry.subject, source="/user-manager", key=entry.key, data=entry.data)
        for entry in store.events
        if entry.subject == CREDENTIALS_REVOKED
    ]


@pytest.fixture
def source() -> InMemoryBackgroundBroker:
    return InMemoryBackgroundBroker()


@pytest.fixture
def ended() -> list[str]:
    """Whose streams were ended."""
    return []


@pytest.fixture
def sessions(users: UserManager, source: InMemoryBackgroundBroker, ended: list[str]) -> Sessions:
    users.register(GitHubIdentity(7, "alice", "", ""))
    sessions = gateway(users)
    heed_revocations(source, sessions, ended.append)
    return sessions


Revoke = Callable[[UserManager, str], None]


def revoke_session(users: UserManager, token: str) -> None:
    users.revoke_session("alice", users.authenticate(token).session_id or 0)


def delete_account(users: UserManager, _token: str) -> None:
    users.delete_account("alice")


REVOCATIONS: dict[str, Revoke] = {
    "a logout": lambda users, token: users.logout(token),
    "the session ended": revoke_session,
    "all sessions ended": lambda users, _: users.revoke_sessions("alice"),
    "the account deleted": delete_account,
}


@pytest.mark.parametrize("what", REVOCATIONS)
def test_whatever_ends_a_session_is_heeded(
    sessions: Sessions,
    users: UserManager,
    user_store: InMemoryUserStore,
    source: InMemoryBackgroundBroker,
    ended: list[str],
    what: str,
) -> None:
    token = users.login("alice").access_token
    assert knows(sessions, token)
    REVOCATIONS[what](users, token)
    assert knows(sessions, token)  # nobody has told yet
    [event] = told(user_store)
    source.tell(event)
    assert not knows(sessions, token)
    assert ended == ["alice"]


@pytest.mark.parametrize("alone", [True, False])
def test_revoked_api_tokens_are_heeded(
    sessions: Sessions,
    users: UserManager,
    user_store: InMemoryUserStore,
    source: InMemoryBackgroundBroker,
    alone: bool,
) -> None:
    made = users.create_token("alice", "script")
    assert knows(sessions, made.token)
    if alone:
        users.revoke_token("alice", made.details.id)
    else:
        users.revoke_tokens("alice")
    for event in told(user_store):
        source.tell(event)
    assert not knows(sessions, made.token)


class Counting:
    """A user service that counts how often it is asked."""

    def __init__(self, users: UserManager) -> None:
        self._users = users
        self.asked = 0

    def authenticate(self, token: str) -> object:
        self.asked += 1
        return self._users.authenticate(token)


def test_what_is_not_revoked_is_not_asked_about_again(
    users: UserManager, source: InMemoryBackgroundBroker, user_store: InMemoryUserStore
) -> None:
    users.register(GitHubIdentity(7, "alice", "", ""))
    counting: Any = Counting(users)
    sessions = gateway(counting)
    heed_revocations(source, sessions, ignored)
    first, second = (users.login("alice").access_token for _ in range(2))
    for token in (first, second):
        sessions.identify(token)
    users.logout(first)
    source.tell(told(user_store)[0])
    sessions.identify(second)
    assert counting.asked == 2
    source.connect()
    sessions.identify(second)
    assert counting.asked == 3


def test_what_it_cannot_understand_makes_it_forget_everything(
    sessions: Sessions, users: UserManager, source: InMemoryBackgroundBroker
) -> None:
    token = users.login("alice").access_token
    sessions.identify(token)
    users.logout(token)
    wrong = Event(type=CREDENTIALS_REVOKED, source="/user-manager", key="alice", data={})
    with pytest.raises(MalformedEvent):
        source.tell(wrong)
    assert not knows(sessions, token)


@pytest.mark.integration
class TestManyGateways:
    """Two gateways, a user service whose relay is the test, and a broker that goes away."""

    @pytest.fixture
    def nats(self, tmp_path: Any) -> Iterator[RunningServer]:
        server = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
        with running(server, tmp_path / "nats.log") as process:
            yield process

    @pytest.fixture
    def gateways(self, users: UserManager, nats: RunningServer) -> Iterator[list[Sessions]]:
        users.register(GitHubIdentity(7, "alice", "", ""))
        memories = [gateway(users) for _ in range(2)]
        brokers = [BackgroundBroker(Broker("127.0.0.1", nats.server.port, "g")) for _ in memories]
        ready: list[bool] = []
        for broker, memory in zip(brokers, memories, strict=True):
            heed_revocations(broker, memory, ignored)
            broker.on_connect(lambda: ready.append(True))
            broker.start()
        wait_until(lambda: len(ready) == len(brokers))
        self.ready = ready
        yield memories
        for broker in brokers:
            broker.close()

    @pytest.fixture
    def relay(self, nats: RunningServer) -> Iterator[BackgroundBroker]:
        relay = BackgroundBroker(Broker("127.0.0.1", nats.server.port, "relay"))
        relay.start()
        yield relay
        relay.close()

    def test_a_logout_at_one_ends_the_session_at_all_within_a_second(
        self,
        gateways: list[Sessions],
        relay: BackgroundBroker,
        users: UserManager,
        user_store: InMemoryUserStore,
    ) -> None:
        token = users.login("alice").access_token
        assert [knows(each, token) for each in gateways] == [True, True]
        users.logout(token)
        before = monotonic()
        for event in told(user_store):
            relay.publish_soon(event)
        wait_until(lambda: not any(knows(each, token) for each in gateways), interval=0.005)
        assert monotonic() - before < 1

    def test_what_was_told_while_the_broker_was_away_is_heeded_when_it_is_back(
        self, gateways: list[Sessions], nats: RunningServer, users: UserManager
    ) -> None:
        token = users.login("alice").access_token
        assert [knows(each, token) for each in gateways] == [True, True]
        nats.kill()
        users.logout(token)  # which nobody tells: the event is lost to those who only listen
        with capture_logs():
            nats.start()
            wait_until(lambda: len(self.ready) == 4)
        assert [knows(each, token) for each in gateways] == [False, False]

    def test_while_the_broker_is_away_it_is_forgotten_when_its_seconds_are_over(
        self, nats: RunningServer, users: UserManager
    ) -> None:
        users.register(GitHubIdentity(7, "alice", "", ""))
        sessions = Sessions(users, seconds=0.5, size=100)
        broker = BackgroundBroker(Broker("127.0.0.1", nats.server.port, "g"))
        heed_revocations(broker, sessions, ignored)
        broker.start()
        wait_until(lambda: broker.connected)
        nats.kill()
        token = users.login("alice").access_token
        assert knows(sessions, token)
        asked = monotonic()
        users.logout(token)
        wait_until(lambda: not knows(sessions, token))
        assert monotonic() - asked < 2
        broker.close()


def test_the_digest_in_the_event_is_the_one_that_gateways_know(
    sessions: Sessions, users: UserManager, source: InMemoryBackgroundBroker
) -> None:
    token = users.login("alice").access_token
    sessions.identify(token)
    [known] = sessions._known
    users.logout(token)
    revocation = Revocation("alice", frozenset({known}))
    source.tell(
        Event(type=CREDENTIALS_REVOKED, source="/x", key="alice", data=revocation.to_data())
    )
    assert not knows(sessions, token)
