"""What only Postgres can show: the plans of the hottest queries, races, and what is on disk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from delinkcious.database import Database
from delinkcious.errors import AlreadyExists, FailedPrecondition, NotFound
from delinkcious.object_model.users import MAX_TOKENS, GitHubIdentity, TokenKind
from user_service.manager import UserManager
from user_service.postgres import CREDENTIAL, FEED_OWNER

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def account(on_postgres: UserManager) -> None:
    on_postgres.register(GitHubIdentity(1001, "alice", "", ""))


def at_once(database: Database, call: Callable[[int], object], times: int) -> list[bool]:
    """Calls so often, eight at a time; tells of each call whether it succeeded."""

    def attempt(number: int) -> bool:
        try:
            call(number)
        except (AlreadyExists, FailedPrecondition):
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(attempt, range(times)))


@pytest.mark.parametrize(
    ("kind", "index"),
    [(TokenKind.SESSION, "sessions_pkey"), (TokenKind.API_TOKEN, "api_tokens_digest_key")],
)
def test_a_token_is_found_by_one_look_into_one_index(
    owner: Database, kind: TokenKind, index: str
) -> None:
    with owner.connection() as connection:
        connection.execute(
            "INSERT INTO sessions (digest, username, created_at, expires_at)"
            " SELECT sha256(n::text::bytea), 'alice', now(), now()"
            " FROM generate_series(1, 5000) n"  # all expired: the least to find by that index
        )
        connection.execute(
            "INSERT INTO api_tokens (digest, username, name, created_at)"
            " SELECT sha256(n::text::bytea), 'alice', n, now() FROM generate_series(1, 5000) n"
        )
        connection.execute("ANALYZE")
        statement = b"EXPLAIN (FORMAT JSON) " + CREDENTIAL[kind].encode()
        row = connection.execute(statement, [bytes(32)]).fetchone()
    plan: dict[str, Any] = row[0][0]["Plan"] if row else {}
    assert (plan["Node Type"], plan["Index Name"]) == ("Index Scan", index)
    assert "Plans" not in plan


def test_the_owner_of_a_feed_is_found_by_two_looks_into_two_indexes(owner: Database) -> None:
    with owner.connection() as connection:
        connection.execute(
            "INSERT INTO accounts SELECT n, 'user-' || n, '', '' FROM generate_series(2000, 7000) n"
        )
        connection.execute(
            "INSERT INTO feed_secrets SELECT username, sha256(username::bytea), now() FROM accounts"
        )
        connection.execute("ANALYZE")
        statement = b"EXPLAIN (FORMAT JSON) " + FEED_OWNER.encode()
        row = connection.execute(statement, [bytes(32)]).fetchone()
    plan: dict[str, Any] = row[0][0]["Plan"] if row else {}
    looks = {(part["Node Type"], part["Index Name"]) for part in plan["Plans"]}
    assert looks == {
        ("Index Scan", "feed_secrets_digest_key"),
        ("Index Scan", "accounts_username_key"),
    }


def test_no_token_is_stored_in_a_form_that_lets_anybody_in(
    on_postgres: UserManager, database: Database
) -> None:
    secrets = [
        on_postgres.login("alice").access_token,
        on_postgres.create_token("alice", "laptop").token,
        on_postgres.create_feed_secret("alice").secret,
    ]
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT s::text FROM sessions s UNION ALL SELECT t::text FROM api_tokens t"
            " UNION ALL SELECT f::text FROM feed_secrets f UNION ALL SELECT o::text FROM outbox o"
        ).fetchall()
    stored = str(rows)
    for secret in secrets:
        assert secret not in stored
        assert secret[4:] not in stored
        assert secret.encode().hex() not in stored


def test_of_tokens_of_one_name_made_at_once_one_succeeds(
    on_postgres: UserManager, database: Database
) -> None:
    assert sum(at_once(database, lambda _: on_postgres.create_token("alice", "laptop"), 16)) == 1


def test_of_logins_finished_at_once_with_one_state_one_opens_a_session(
    on_postgres: UserManager, database: Database
) -> None:
    assert sum(at_once(database, lambda _: on_postgres.login("alice", state="once"), 16)) == 1
    assert len(on_postgres.get_sessions("alice")) == 1


def test_noting_a_use_touches_no_index(on_postgres: UserManager, database: Database) -> None:
    """A heap-only update: it costs one row of one page, once a minute."""
    on_postgres.login("alice")
    with database.connection() as connection:
        connection.execute("UPDATE sessions SET last_used_at = now()")
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'"
        ).fetchone()
    assert row == (1, 1)


def test_the_limit_of_tokens_holds_for_those_made_at_once(
    on_postgres: UserManager, database: Database
) -> None:
    for number in range(MAX_TOKENS - 3):
        on_postgres.create_token("alice", str(number))
    made = at_once(database, lambda n: on_postgres.create_token("alice", f"at once {n}"), 16)
    assert sum(made) == 3
    assert len(on_postgres.get_tokens("alice")) == MAX_TOKENS


def test_of_secrets_of_a_feed_made_at_once_one_opens_it(
    on_postgres: UserManager, database: Database
) -> None:
    secrets: list[str] = []
    at_once(database, lambda _: secrets.append(on_postgres.create_feed_secret("alice").secret), 16)
    assert len(set(secrets)) == 16
    assert sum(opens(on_postgres, secret) for secret in secrets) == 1


def opens(manager: UserManager, secret: str) -> bool:
    try:
        manager.get_feed_owner(secret)
    except NotFound:
        return False
    return True


def test_the_secret_of_a_feed_goes_with_its_account(
    on_postgres: UserManager, database: Database
) -> None:
    on_postgres.create_feed_secret("alice")
    with database.connection() as connection:
        connection.execute("DELETE FROM accounts WHERE username = 'alice'")
    assert on_postgres.get_feed_secret_time("alice") is None
