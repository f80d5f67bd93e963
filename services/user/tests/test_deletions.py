"""Deleting accounts: what is gone at once, and what is gone when everybody has confirmed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from delinkcious.database import Database
from delinkcious.errors import (
    DelinkciousError,
    FailedPrecondition,
    NotFound,
    Unauthenticated,
)
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.users import DeletionStatus, GitHubIdentity
from delinkcious.object_model.users import UserManager as Manager
from user_service.deletion_store import PostgresDeletionStore
from user_service.domain import PARTICIPANTS, pause_after
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore
from user_service.ports import DeletionStore
from user_service.sweeper import Sweeper

from .conftest import Clock, Published

ALICE = GitHubIdentity(1001, "Alice", "Alice A.", "alice@example.com")
OTHER_ALICE = GitHubIdentity(2002, "alice", "Another", "another@example.com")
PATIENCE = timedelta(minutes=5)


@pytest.fixture
def deletions(service: UserManager, request: pytest.FixtureRequest) -> DeletionStore:
    if "database" in request.fixturenames:
        return PostgresDeletionStore(request.getfixturevalue("database"))
    memory: InMemoryUserStore = request.getfixturevalue("memory")
    return memory


@pytest.fixture
def sweeper(deletions: DeletionStore, clock: Clock) -> Sweeper:
    return Sweeper(deletions, PATIENCE, clock)


def confirm_all(deletions: DeletionStore, deletion_id: str, now: datetime) -> None:
    for service in PARTICIPANTS:
        assert deletions.confirm(deletion_id, service, now)


def test_whatever_opened_the_account_is_dead_at_once(manager: Manager) -> None:
    manager.register(ALICE)
    session = manager.login("alice").access_token
    token = manager.create_token("alice", "backup").token
    secret = manager.create_feed_secret("alice").secret
    manager.delete_account("alice")
    for each in (session, token):
        with pytest.raises(Unauthenticated):
            manager.authenticate(each)
    with pytest.raises(NotFound):
        manager.get_feed_owner(secret)
    assert (manager.get_tokens("alice"), manager.get_sessions("alice")) == ([], [])


def test_nobody_finds_the_user_any_more(manager: Manager) -> None:
    manager.register(ALICE)
    manager.delete_account("alice")
    for use in (
        manager.get_user,
        manager.login,
        manager.create_feed_secret,
        lambda name: manager.create_token(name, "backup"),
    ):
        with pytest.raises(NotFound, match="nobody called alice"):
            use("alice")


def test_a_deletion_tells_how_far_it_is_and_not_whose_it_was(
    manager: Manager, clock: Clock
) -> None:
    manager.register(ALICE)
    deletion = manager.delete_account("alice")
    assert deletion.status is DeletionStatus.RUNNING
    assert deletion.requested_at == clock.now
    assert deletion.services == dict.fromkeys(PARTICIPANTS)
    assert manager.get_deletion(deletion.id) == deletion
    assert "alice" not in repr(deletion)


def test_to_ask_again_finds_the_deletion_that_is_under_way(
    manager: Manager, published: Published
) -> None:
    manager.register(ALICE)
    assert manager.delete_account("alice") == manager.delete_account("alice")
    assert [event.subject for event in published()].count("users.deleted") == 1


@pytest.mark.parametrize("deletion_id", ["6f9619ff-8b86-4011-b42d-00c04fc964ff", "x", "%00", "1"])
def test_there_is_no_deletion_of_an_id_that_nobody_was_given(
    manager: Manager, deletion_id: str
) -> None:
    with pytest.raises(NotFound):
        manager.get_deletion(deletion_id)


def test_nobody_can_be_deleted_who_is_not_there(manager: Manager) -> None:
    with pytest.raises(NotFound):
        manager.delete_account("nobody")


def test_the_event_says_which_name_and_until_when(
    manager: Manager, published: Published, clock: Clock
) -> None:
    manager.register(ALICE)
    deletion = manager.delete_account("alice")
    event = published()[-1]
    until = (clock.now + timedelta(seconds=20)).isoformat()
    assert (event.subject, event.key) == ("users.deleted", "alice")
    assert event.data == {"deletion_id": deletion.id, "username": "alice", "until": until}


def test_meanwhile_the_github_user_is_told_to_wait(manager: Manager) -> None:
    manager.register(ALICE)
    manager.delete_account("alice")
    with pytest.raises(FailedPrecondition, match="is being deleted"):
        manager.register(ALICE)


def test_meanwhile_nobody_else_gets_the_name(manager: Manager) -> None:
    manager.register(ALICE)
    manager.delete_account("alice")
    assert manager.register(OTHER_ALICE).username == "alice-2002"


def test_it_is_done_when_all_have_confirmed_and_the_time_is_over(
    service: UserManager, deletions: DeletionStore, sweeper: Sweeper, clock: Clock
) -> None:
    service.register(ALICE)
    deletion = service.delete_account("alice")
    confirm_all(deletions, deletion.id, clock.now)
    sweeper.sweep()
    assert service.get_deletion(deletion.id).status is DeletionStatus.RUNNING
    clock.turn(seconds=20)
    sweeper.sweep()
    done = service.get_deletion(deletion.id)
    assert (done.status, done.finished_at) == (DeletionStatus.DONE, clock.now)
    assert set(done.services) == set(PARTICIPANTS)


def test_it_is_not_done_while_one_has_not_confirmed(
    service: UserManager, deletions: DeletionStore, sweeper: Sweeper, clock: Clock
) -> None:
    service.register(ALICE)
    deletion = service.delete_account("alice")
    for each in PARTICIPANTS[1:]:
        deletions.confirm(deletion.id, each, clock.now)
    clock.turn(days=30)
    sweeper.sweep()
    assert service.get_deletion(deletion.id).status is DeletionStatus.RUNNING


def test_afterwards_the_github_user_gets_a_new_and_empty_account(
    service: UserManager, deletions: DeletionStore, sweeper: Sweeper, clock: Clock
) -> None:
    service.register(ALICE)
    service.create_token("alice", "backup")
    deletion = service.delete_account("alice")
    confirm_all(deletions, deletion.id, clock.now)
    clock.turn(seconds=20)
    sweeper.sweep()
    registration = service.register_account(ALICE)
    assert (registration.is_new, registration.user.username) == (True, "alice")
    assert service.get_tokens("alice") == []
    again = service.delete_account("alice")
    assert again.id != deletion.id


def test_a_confirmation_counts_once_and_from_participants_only(
    service: UserManager, deletions: DeletionStore, clock: Clock
) -> None:
    service.register(ALICE)
    deletion = service.delete_account("alice")
    assert deletions.confirm(deletion.id, "link-manager", clock.now)
    clock.turn(seconds=5)
    assert not deletions.confirm(deletion.id, "link-manager", clock.now)
    assert not deletions.confirm(deletion.id, "somebody-else", clock.now)
    assert not deletions.confirm(str(uuid4()), "link-manager", clock.now)
    confirmed = service.get_deletion(deletion.id).services["link-manager"]
    assert confirmed == clock.now - timedelta(seconds=5)


def test_who_does_not_confirm_is_told_again_less_and_less_often(
    service: UserManager, deletions: DeletionStore, sweeper: Sweeper, clock: Clock,
    published: Published,
) -> None:  # fmt: skip
    service.register(ALICE)
    deletion = service.delete_account("alice")
    deletions.confirm(deletion.id, "news-manager", clock.now)

    def told() -> int:
        sweeper.sweep()
        return [event.subject for event in published()].count("users.deleted")

    assert told() == 1
    with capture_logs() as logs:
        clock.turn(minutes=5)
        assert told() == 2
    (line,) = logs
    assert line["event"] == "deletion_hangs"
    assert line["waits_for"] == ("link-manager", "social-graph-manager")
    assert line["age_seconds"] == 300
    assert "alice" not in str(line)
    clock.turn(minutes=5)
    assert told() == 2
    clock.turn(minutes=5)
    assert told() == 3
    confirm_rest = [s for s in PARTICIPANTS if s != "news-manager"]
    for each in confirm_rest:
        deletions.confirm(deletion.id, each, clock.now)
    clock.turn(days=1)
    assert told() == 3


def test_the_pause_doubles_up_to_an_hour() -> None:
    minutes = [pause_after(told, PATIENCE) // timedelta(minutes=1) for told in range(1, 7)]
    assert minutes == [10, 20, 40, 60, 60, 60]
    assert pause_after(1000, timedelta(hours=2)) == timedelta(hours=2)


def test_how_many_there_are_and_how_old_the_oldest_is(
    service: UserManager, deletions: DeletionStore, sweeper: Sweeper, clock: Clock
) -> None:
    assert deletions.overview().running == 0
    service.register(ALICE)
    service.register(OTHER_ALICE)
    started = clock.now
    deletion = service.delete_account("alice")
    clock.turn(seconds=30)
    service.delete_account("alice-2002")
    assert (deletions.overview().running, deletions.overview().oldest) == (2, started)
    confirm_all(deletions, deletion.id, clock.now)
    sweeper.sweep()
    assert (deletions.overview().running, deletions.overview().oldest) == (1, clock.now)


async def test_a_confirmation_arrives_as_an_event(service: UserManager, sweeper: Sweeper) -> None:
    service.register(ALICE)
    deletion = service.delete_account("alice")
    data = {"deletion_id": deletion.id, "service": "news-manager"}
    event = Event(type="users.purged", source="/news-manager", key=deletion.id, data=data)
    await sweeper.confirm(event)
    await sweeper.confirm(event)
    assert service.get_deletion(deletion.id).services["news-manager"]
    with pytest.raises(MalformedEvent):
        await sweeper.confirm(Event(type="users.purged", source="/x", key="k", data={}))


@pytest.mark.integration
def test_no_session_survives_that_is_opened_while_the_account_is_deleted(
    on_postgres: UserManager, database: Database
) -> None:
    on_postgres.register(ALICE)

    def use(number: int) -> None:
        with suppress(DelinkciousError):
            on_postgres.login("alice")
            on_postgres.create_feed_secret("alice")
            on_postgres.create_token("alice", f"token {number}")

    with ThreadPoolExecutor(8) as threads:
        uses = [threads.submit(use, number) for number in range(60)]
        on_postgres.delete_account("alice")
        for each in uses:
            each.result()
    with database.connection() as connection:
        for table in ("sessions", "api_tokens", "feed_secrets"):
            assert connection.execute(f"SELECT FROM {table}".encode()).rowcount == 0


@pytest.mark.integration
def test_many_who_ask_at_once_start_one_deletion(
    on_postgres: UserManager, published: Published
) -> None:
    on_postgres.register(ALICE)
    with ThreadPoolExecutor(8) as threads:
        ids = {d.id for d in threads.map(on_postgres.delete_account, ["alice"] * 16)}
    assert len(ids) == 1
    assert [event.subject for event in published()].count("users.deleted") == 1


@pytest.mark.integration
def test_nothing_personal_is_left_in_the_tables_of_users_once_it_is_done(
    on_postgres: UserManager, database: Database, clock: Clock
) -> None:
    on_postgres.register(ALICE)
    on_postgres.login("alice")
    deletion = on_postgres.delete_account("alice")

    def stored(table: str) -> str:
        with database.connection() as connection:
            rows = connection.execute(f"SELECT t::text FROM {table} t".encode())
            return str([row[0] for row in rows])

    assert "alice" in stored("accounts")
    assert "example.com" not in stored("accounts")
    deletions = PostgresDeletionStore(database)
    confirm_all(deletions, deletion.id, clock.now)
    clock.turn(seconds=20)
    assert deletions.finish(clock.now) == [deletion.id]
    for table in ("accounts", "sessions", "deletions", "deletion_steps"):
        assert "alice" not in stored(table)
        assert str(ALICE.id) not in stored(table)
