"""What operators see of the audit trail."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from delinkcious.audit import RECORDED, Act, Action, Origin, Outcome
from delinkcious.database import Database
from delinkcious.messaging.event import Event
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.peers import auth_file
from delinkcious.testing.process import run_command
from delinkcious.testing.settings import postgres_settings
from delinkcious.testing.waiting import free_port
from user_service.audit import AuditTrail
from user_service.audit_command import arguments, show
from user_service.audit_store import PostgresAuditStore
from user_service.manager import UserManager

pytestmark = pytest.mark.integration

TOKEN = Act(
    action=Action.TOKEN_CREATED,
    username="alice",
    origin=Origin.of("203.0.113.7", "Firefox"),
    token_id=7,
    token_name="backup",
    details={"scopes": None, "by": "session 12"},
)
REFUSAL = Act(
    action=Action.CALL_REFUSED,
    outcome=Outcome.REFUSED,
    details={"call": "GET /links", "caller": "unknown"},
)


def record(trail: AuditTrail, act: Act, hours_ago: float = 0) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    event = Event(type=RECORDED, source="/link-manager", key="x", data=act.to_data(), time=at)
    asyncio.run(trail.record(event))


@pytest.fixture
def filled(database: Database, on_postgres: UserManager) -> Database:
    trail = AuditTrail(PostgresAuditStore(database))
    on_postgres.register(GitHubIdentity(1001, "alice", "", ""))
    record(trail, REFUSAL, hours_ago=30)
    record(trail, REFUSAL, hours_ago=3)
    record(trail, TOKEN)
    return database


def shown(database: Database, capsys: pytest.CaptureFixture[str], *given: str) -> list[str]:
    parser = ArgumentParser()
    arguments(parser)
    show(database, parser.parse_args(given))
    return capsys.readouterr().out.splitlines()


def test_it_shows_a_line_for_each_of_the_last_day_the_newest_first(
    filled: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    token, refusal = shown(filled, capsys)
    assert token.endswith(
        "+00:00  link-manager  token_created  success  alice  203.0.113.7"
        "  by=session 12 token=backup"
    )
    assert refusal.endswith(
        "+00:00  link-manager  call_refused  refused  -  -  call=GET /links caller=unknown"
    )


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (["--user", "Alice"], 1),
        (["--user", "bob"], 0),
        (["--nobody"], 1),
        (["--nobody", "--newer-than", "2d"], 2),
        (["--action", "token_created"], 1),
        (["--newer-than", "2h"], 1),
        (["--limit", "1"], 1),
    ],
)
def test_it_shows_what_it_is_asked_for(
    filled: Database, capsys: pytest.CaptureFixture[str], given: list[str], number: int
) -> None:
    assert len(shown(filled, capsys, *given)) == number


@pytest.mark.parametrize(
    "given", [["--newer-than", "soon"], ["--action", "x"], ["--user", "a", "--nobody"]]
)
def test_what_it_does_not_understand_it_says(given: list[str]) -> None:
    parser = ArgumentParser()
    arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(given)


@pytest.fixture
def env(tmp_path: Path, address: PostgresAddress) -> Mapping[str, str]:
    file = auth_file(tmp_path / "mutual-auth.yaml", "api-gateway")
    return {"MUTUAL_AUTH_FILE": str(file), **postgres_settings("USER_DB", address)}


@pytest.mark.usefixtures("filled")
def test_the_command_prints_json_for_programs(env: Mapping[str, str]) -> None:
    done = run_command("user_service", "audit", env, arguments=["--json", "--user", "alice"])
    assert done.returncode == 0, done.stderr
    entry = orjson.loads(done.stdout)
    assert (entry["action"], entry["token_name"]) == ("token_created", "backup")


def test_without_a_database_it_says_so(env: Mapping[str, str]) -> None:
    done = run_command("user_service", "audit", {**env, "USER_DB_SERVICE_PORT": str(free_port())})
    assert done.returncode == 69
    assert "user-db does not answer" in done.stderr
