"""The audit trail: what is taken in, what its users see, and what stays of deleted accounts."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delinkcious.audit import NOWHERE, RECORDED, Act, Action, Origin, Outcome
from delinkcious.clients.audit import AuditClient
from delinkcious.database import Database
from delinkcious.errors import InvalidArgument
from delinkcious.http.client import HttpClient
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.audit import AuditEntry
from delinkcious.object_model.audit import AuditTrail as Trail
from delinkcious.object_model.paging import encode_token
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from delinkcious.testing.waiting import wait_until
from user_service.audit import AuditTrail
from user_service.audit_http import add_audit
from user_service.audit_store import PAGE, PostgresAuditStore
from user_service.http import create_user_app
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore
from user_service.ports import AuditStore

from .conftest import GATEWAY, REAL, Published

ALICE = GitHubIdentity(1001, "Alice", "Alice A.", "alice@example.com")
BOB = GitHubIdentity(1002, "Bob", "", "")
HOME = Origin.of("203.0.113.7", "Firefox")
NOW = (datetime.now(UTC) + timedelta(minutes=10)).replace(microsecond=0)
"""Some time after the accounts are made."""


@pytest.fixture(params=["in_memory", REAL])
def store(request: pytest.FixtureRequest) -> AuditStore:
    if request.param == "in_memory":
        memory: InMemoryUserStore = request.getfixturevalue("memory")
        return memory
    return PostgresAuditStore(request.getfixturevalue("database"))


@pytest.fixture
def users(store: AuditStore, request: pytest.FixtureRequest) -> UserManager:
    """The manager of the accounts that the trail is of, with those of Alice and Bob."""
    name = "in_memory" if isinstance(store, InMemoryUserStore) else "on_postgres"
    manager: UserManager = request.getfixturevalue(name)
    manager.register(ALICE)
    manager.register(BOB)
    return manager


@pytest.fixture
def trail(store: AuditStore, users: UserManager) -> AuditTrail:
    assert users.get_user("alice")
    return AuditTrail(store)


def act(username: str | None = "alice", action: str = Action.LOGGED_IN, **more: Any) -> Act:
    return Act(action=action, username=username, **{"origin": HOME, **more})


def event_of(
    done: Act, *, at: datetime = NOW, service: str = "api-gateway", id_: str | None = None
) -> Event:
    event = done.to_event(service)
    return Event(
        type=RECORDED,
        source=event.source,
        key=event.key,
        data=event.data,
        time=at,
        id=id_ or event.id,
    )


def entries(trail: Trail, username: str = "alice") -> Sequence[AuditEntry]:
    return trail.get_audit(username, None, 1000).entries


async def test_an_entry_says_who_did_what_when_and_from_where(trail: AuditTrail) -> None:
    done = act(
        action=Action.TOKEN_CREATED, token_id=17, token_name="backup", details={"scopes": "all"}
    )
    event = event_of(done, service="user-manager")
    await trail.record(event)
    assert entries(trail) == [
        AuditEntry(
            id=event.id,
            at=NOW,
            action="token_created",
            outcome="success",
            service="user-manager",
            address="203.0.113.7",
            user_agent="Firefox",
            token_id=17,
            token_name="backup",
            details={"scopes": "all"},
        )
    ]


async def test_everybody_sees_their_own_entries_only(trail: AuditTrail) -> None:
    await trail.record(event_of(act("alice")))
    await trail.record(event_of(act("bob")))
    await trail.record(event_of(act(None, Action.CALL_REFUSED, outcome=Outcome.REFUSED)))
    assert [len(entries(trail, name)) for name in ("alice", "bob", "carol")] == [1, 1, 0]


async def test_an_event_that_comes_again_is_one_entry(trail: AuditTrail) -> None:
    event = event_of(act())
    for _ in range(3):
        await trail.record(event)
    assert len(entries(trail)) == 1


async def test_who_failed_to_log_in_is_found_by_what_github_said(trail: AuditTrail) -> None:
    """The gateway knows no more of somebody whom it does not let in."""
    failed = act(None, Action.LOGIN_FAILED, outcome=Outcome.FAILURE, github_id=1001)
    await trail.record(event_of(failed))
    assert [(entry.action, entry.address) for entry in entries(trail)] == [
        ("login_failed", "203.0.113.7")
    ]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {**act().to_data(), "action": ""},
        {**act().to_data(), "username": 7},
        {**act().to_data(), "token_id": -1},
        {**act().to_data(), "token_id": True},
        {**act().to_data(), "details": {"token": "x"}},
        {**act().to_data(), "details": ["x"]},
        {**act().to_data(), "details": {str(number): 1 for number in range(21)}},
    ],
)
async def test_what_tells_of_no_act_is_malformed(trail: AuditTrail, data: Any) -> None:
    event = Event(type=RECORDED, source="/api-gateway", key="alice", data=data)
    with pytest.raises(MalformedEvent, match="no act"):
        await trail.record(event)


# Pages


async def fill(trail: AuditTrail, number: int) -> None:
    """Several entries have the same time, and they come in no order."""
    for n in range(number):
        await trail.record(event_of(act(), at=NOW - timedelta(seconds=(n * 7) % number // 3)))


def walk(trail: Trail, page_size: int) -> Iterator[AuditEntry]:
    token = None
    while True:
        page = trail.get_audit("alice", token, page_size)
        yield from page.entries
        token = page.next_page_token
        if token is None:
            return


async def test_pages_are_newest_first_and_miss_and_repeat_nothing(trail: AuditTrail) -> None:
    await fill(trail, 20)
    whole = entries(trail)
    assert len(whole) == 20
    assert all((a.at, a.id) > (b.at, b.id) for a, b in pairwise(whole))
    for page_size in (1, 3, 20):
        assert list(walk(trail, page_size)) == whole


async def test_what_comes_meanwhile_moves_no_page(trail: AuditTrail) -> None:
    await fill(trail, 6)
    before = entries(trail)
    first = trail.get_audit("alice", None, 3)
    await trail.record(event_of(act(), at=NOW + timedelta(seconds=1)))
    second = trail.get_audit("alice", first.next_page_token, 3)
    assert [*first.entries, *second.entries] == before


@pytest.mark.parametrize(
    "token",
    [
        "x",
        encode_token(1),
        encode_token("a", "b"),
        encode_token(2**62, str(UUID(int=7))),
        encode_token(1, "no-uuid"),
    ],
)
def test_a_token_of_another_list_is_refused(trail: AuditTrail, token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        trail.get_audit("alice", token)
    assert [violation.field for violation in refused.value.violations] == ["start_token"]


# The end of an account


async def test_with_the_account_its_entries_are_gone_and_others_stay(
    trail: AuditTrail, users: UserManager
) -> None:
    for name in ("alice", "bob"):
        await trail.record(event_of(act(name)))
    users.delete_account("alice")
    assert (len(entries(trail)), len(entries(trail, "bob"))) == (0, 1)


async def test_what_comes_late_is_not_kept_either(trail: AuditTrail, users: UserManager) -> None:
    users.delete_account("alice")
    await trail.record(event_of(act()))
    assert entries(trail) == []


async def test_the_next_account_of_the_name_has_nothing_of_the_one_before(
    trail: AuditTrail, users: UserManager
) -> None:
    """It came when the deletion was done, and so later by more than clocks may differ."""
    await trail.record(event_of(act(), at=datetime.now(UTC) - timedelta(seconds=20)))
    assert entries(trail) == []


@pytest.fixture
def on_disk(database: Database) -> AuditTrail:
    return AuditTrail(PostgresAuditStore(database))


@pytest.mark.integration
async def test_that_an_account_was_deleted_stays_without_whose_it_was(
    on_disk: AuditTrail, on_postgres: UserManager, database: Database, recorded: Published
) -> None:
    on_postgres.register(ALICE)
    await on_disk.record(event_of(act()))
    deletion = on_postgres.delete_account("alice")
    for entry in recorded():
        event = Event(type=entry.subject, source="/user-manager", key=entry.key, data=entry.data)
        await on_disk.record(event)
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT action, username, address, user_agent, details FROM audit"
        ).fetchall()
    assert rows == [("account_deleted", None, None, None, {"deletion_id": deletion.id})]


@pytest.mark.integration
def test_what_comes_while_the_account_is_deleted_is_gone_with_it_or_not_kept(
    on_disk: AuditTrail, on_postgres: UserManager, database: Database
) -> None:
    on_postgres.register(ALICE)
    under_way, store = Barrier(4), PostgresAuditStore(database)

    def tell() -> None:
        under_way.wait()
        for _ in range(50):
            store.insert_audit(str(uuid4()), NOW, "api-gateway", act())

    def delete() -> None:
        under_way.wait()
        wait_until(lambda: entries(on_disk), interval=0.001)
        on_postgres.delete_account("alice")

    with ThreadPoolExecutor(4) as threads:
        for done in [*(threads.submit(tell) for _ in range(3)), threads.submit(delete)]:
            done.result(30)
    with database.connection() as connection:
        assert connection.execute("SELECT FROM audit WHERE username IS NOT NULL").rowcount == 0


# Append-only


@pytest.fixture
async def kept(on_disk: AuditTrail, on_postgres: UserManager) -> None:
    on_postgres.register(ALICE)
    await on_disk.record(event_of(act()))


@pytest.mark.integration
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET username = 'bob'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "TRUNCATE audit CASCADE",
    ],
)
def test_entries_cannot_be_changed_nor_deleted(
    database: Database, owner: Database, statement: str
) -> None:
    """Not by the service, which has no right to, and not even by their owner."""
    for who, why in ((database, "permission denied"), (owner, "append-only")):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match=why),
            who.connection() as connection,
        ):
            connection.execute(statement.encode())
    with database.connection() as connection:
        assert connection.execute("SELECT FROM audit WHERE username = 'alice'").rowcount == 1


@pytest.mark.integration
@pytest.mark.usefixtures("kept")
def test_nothing_is_forgotten_of_an_account_that_is_not_being_deleted(
    database: Database, on_disk: AuditTrail
) -> None:
    with database.connection() as connection:
        connection.execute("SELECT audit_forget(%s)", [UUID(int=0)])
    assert len(entries(on_disk)) == 1


@pytest.mark.integration
@pytest.mark.usefixtures("kept")
def test_a_removal_leaves_the_table_as_closed_as_before(
    database: Database, on_disk: AuditTrail
) -> None:
    on_disk.delete_expired(10)
    with database.transaction() as connection:
        connection.execute("SELECT audit_expire('40 days', 10)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM audit")


@pytest.mark.integration
def test_nobody_can_have_the_trail_kept_for_less_than_a_month(database: Database) -> None:
    with (
        pytest.raises(psycopg.errors.InvalidParameterValue, match="30 days"),
        database.connection() as connection,
    ):
        connection.execute("SELECT audit_expire('29 days', 1000)")


async def test_entries_go_when_their_time_is_over(trail: AuditTrail, users: UserManager) -> None:
    assert users.get_user("alice")
    old = datetime.now(UTC) - timedelta(days=366)
    for n in range(3):
        nobodys = act(None, Action.CALL_REFUSED)
        await trail.record(event_of(nobodys, at=old - timedelta(seconds=n)))
    await trail.record(event_of(act()))
    assert [trail.delete_expired(2) for _ in range(3)] == [2, 1, 0]
    assert len(entries(trail)) == 1


@pytest.mark.integration
@pytest.mark.usefixtures("kept")
def test_a_page_is_read_from_the_index(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(
            f"EXPLAIN {PAGE}".encode(), ["alice", NOW + timedelta(days=1), str(uuid4()), 21]
        ).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "audit_of_user" in plan
    assert "Sort" not in plan


# From afar


@pytest.fixture
def from_afar(in_memory: UserManager, memory: InMemoryUserStore) -> Iterator[AuditClient]:
    app = create_user_app(in_memory, auth_for(GATEWAY))
    add_audit(app, AuditTrail(memory))
    with serving(app) as address:
        yield AuditClient(HttpClient("user-manager", address, token=token_of(GATEWAY)))


async def test_the_client_sees_what_the_service_has(
    from_afar: AuditClient, in_memory: UserManager, memory: InMemoryUserStore
) -> None:
    in_memory.register(ALICE)
    trail = AuditTrail(memory)
    await fill(trail, 5)
    assert list(walk(from_afar, 2)) == entries(trail)
    with pytest.raises(InvalidArgument):
        from_afar.get_audit("alice", "x")


# Whatever an event holds


@settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    address=st.text(max_size=50),
    agent=st.text(max_size=400),
    name=st.text(max_size=50),
    detail=st.text(max_size=50),
)
async def test_whatever_a_client_says_of_itself_is_kept_as_one_line_of_text(
    in_memory: UserManager,
    memory: InMemoryUserStore,
    address: str,
    agent: str,
    name: str,
    detail: str,
) -> None:
    in_memory.register(ALICE)
    done = act(origin=Origin.of(address, agent), token_name=name, details={"note": detail})
    event = event_of(done)
    event.payload()
    await AuditTrail(memory).record(event)
    entry = next(each for each in entries(AuditTrail(memory)) if each.id == event.id)
    for text in (entry.user_agent, entry.token_name, entry.details["note"]):
        assert text is None or (str(text).isprintable() and len(str(text)) <= 200 + 300)
    assert NOWHERE.address is None
