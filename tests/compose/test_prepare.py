"""The containers are given what the local stack is: secrets, rights, addresses, names."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.broker_rights import FILE as BROKER_RIGHTS
from tools.local_stack.credentials import Credentials
from tools.local_stack.environment import Environments
from tools.local_stack.layout import NATS, SERVICES, TALKS_WITH, Layout, Service
from tools.local_stack.stack import REDIS_RULES

ROOT = Path(__file__).parents[2]
OURS = [service for service in SERVICES if service.name != "identity-provider"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What docker/prepare.sh needs of a checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "docker").mkdir()
    for name in ("prepare.sh", "images.env", "nats-permissions.conf"):
        shutil.copy(ROOT / "docker" / name, folder / "docker")
    shutil.copy(ROOT / "compose.yaml", folder)
    versions = "\n".join(f"echo {each}=1.2.3" for each in sorted(_versions()))
    (folder / "build.sh").write_text(f"#!/bin/sh\n{versions}\n")
    (folder / "build.sh").chmod(0o755)
    prepare(folder)
    return folder


def _versions() -> set[str]:
    return set(re.findall(r"\$\{(\w+_VERSION)", (ROOT / "compose.yaml").read_text()))


def prepare(folder: Path, **given: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if "GITHUB" not in name}
    subprocess.run([folder / "docker/prepare.sh"], env={**inherited, **given}, check=True)


def secret(checkout: Path, name: str) -> str:
    return (checkout / "docker/.secrets" / name).read_text().strip()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return content


def test_all_who_call_each_other_share_a_secret_and_nobody_else(checkout: Path) -> None:
    files = {
        service.name: yaml.safe_load(secret(checkout, f"mutual-auth-{service.name}.yaml"))
        for service in OURS
    }
    pairs = {tuple(sorted([one, other])) for one in files for other in files[one]}
    assert pairs == {tuple(sorted(pair)) for pair in TALKS_WITH}
    shared = [files[one][other] for one, other in pairs]
    assert shared == [files[other][one] for one, other in pairs]
    assert len(set(shared)) == len(TALKS_WITH)


def test_redis_lets_each_service_do_what_it_may_in_the_local_stack(checkout: Path) -> None:
    lines = secret(checkout, "redis.acl").splitlines()
    users = [re.sub(r"#\w{64} ", "", line) for line in lines]
    assert users == [
        "user default off",
        *(f"user {service.name} on {rules}" for service, rules in REDIS_RULES),
    ]


def test_nats_knows_who_enters_it(checkout: Path) -> None:
    written = secret(checkout, "nats-users.conf")
    users = re.findall(r'user: "([^"]+)", password: "([^"]+)", permissions: \$(\S+) ', written)
    assert {name for name, *_ in users} == {each.name for each in OURS if NATS in each.stores}
    assert users == [(name, secret(checkout, f"nats-{name}"), name) for name, *_ in users]


def test_nats_lets_each_service_do_what_it_may_in_the_local_stack(checkout: Path) -> None:
    assert secret(checkout, "nats-users.conf").startswith(BROKER_RIGHTS.read_text())


def test_a_second_run_keeps_every_secret(checkout: Path) -> None:
    folder = checkout / "docker/.secrets"
    before = {path.name: path.read_text() for path in folder.iterdir()}
    prepare(checkout)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert folder.stat().st_mode & 0o777 == 0o700
    long = [text for name, text in before.items() if "." not in name]
    assert all(len(text) >= 43 for text in long)
    assert len(set(long)) == len(long)


def test_every_secret_of_compose_is_made(checkout: Path, compose: dict[str, Any]) -> None:
    files = [checkout / secret["file"] for secret in compose["secrets"].values()]
    assert [str(path) for path in files if not path.stat().st_size] == []


def test_own_lines_of_the_environment_count(checkout: Path) -> None:
    env = checkout / ".env"
    with env.open("a") as file:
        file.write("LOG_LEVEL=DEBUG\nGITHUB_CLIENT_ID=mine\n")
    try:
        prepare(checkout)
        prepare(checkout)
        text = env.read_text()
    finally:
        env.unlink()
        prepare(checkout)
    assert text.endswith("# Yours:\nLOG_LEVEL=DEBUG\nGITHUB_CLIENT_ID=mine\n")
    assert text.count("LOG_LEVEL") == 1
    assert "identity-provider" not in text  # GitHub itself
    assert "COMPOSE_PROFILES" not in text


def test_without_an_application_at_github_people_log_in_locally(checkout: Path) -> None:
    text = (checkout / ".env").read_text()
    assert "COMPOSE_PROFILES=local\n" in text
    assert "GITHUB_URL=http://identity-provider.localhost:${IDENTITY_PROVIDER_PORT:-8090}\n" in text


@pytest.mark.parametrize("service", OURS, ids=lambda service: service.name)
def test_a_container_is_told_what_the_process_of_the_local_stack_is(
    service: Service, compose: dict[str, Any], tmp_path: Path
) -> None:
    """But what is the same for all containers, and where the image's own values are right."""
    local = set(Environments(tmp_path, Layout(), Credentials(tmp_path)).of(service, 9000))
    told = set(compose["services"][service.name]["environment"])
    not_here = {"PORT", "MANAGEMENT_PORT", "BIND_ADDRESS", "GRACE_PERIOD", "LIVE_CONFIG_FILE"}
    not_here |= {"DELINKCIOUS_LOCAL_DIR", "SERVER_PROCESSOR"}
    not_here |= {"LINK_CHECKER_HOST_CONCURRENCY", "LINK_CHECKER_HOST_PAUSE"}
    expected = {name for name in local if not name.endswith("_SERVICE_PORT")} - not_here
    assert expected - told == set()


@pytest.mark.parametrize(
    "service", [service for service in OURS if service.migrates], ids=lambda service: service.name
)
def test_only_the_migration_is_told_the_owner_of_a_database(
    service: Service, compose: dict[str, Any]
) -> None:
    services = compose["services"]
    role = service.name.replace("-", "_")
    database = f"{service.name.removesuffix('-manager')}-db"
    assert services[database]["environment"]["SERVICE_ROLE"] == role
    migration = services[f"{service.name}-migrate"]
    owner = {name for name in migration["environment"] if "_OWNER_" in name}
    assert len(owner) == 2
    assert [each["target"] for each in migration["secrets"]] == ["owner"]
    for name in (service.name, f"{service.name}-work"):
        assert not owner & set(services[name]["environment"])
        assert "owner" not in {each["target"] for each in services[name]["secrets"]}
