from pathlib import Path

import pytest

from tools.local_stack.certificates import Certificates
from tools.local_stack.configuration import REPOSITORY
from tools.local_stack.credentials import Credentials
from tools.local_stack.environment import Environments, GitHubSecretMissing, github
from tools.local_stack.layout import (
    API_GATEWAY,
    IDENTITY_PROVIDER,
    LINK,
    NEWS,
    Layout,
    Service,
)
from tools.local_stack.stack import REDIS_RULES


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    made = Credentials(tmp_path / "secrets")
    made.prepare()
    return made


@pytest.fixture
def environments(tmp_path: Path, credentials: Credentials) -> Environments:
    return Environments(tmp_path, Layout(), credentials)


def test_no_environment_holds_a_secret(
    environments: Environments, credentials: Credentials
) -> None:
    secrets = {path.read_text() for path in credentials.directory.iterdir()}
    for service in Layout().services:
        assert not secrets & set(environments.of(service, 1).values())


def test_a_service_is_told_its_own_database_only(environments: Environments) -> None:
    link = environments.of(LINK, 18080)
    assert link["LINK_DB_SERVICE_PORT"] == "15432"
    assert Path(link["LINK_DB_PASSWORD_FILE"]).exists()
    assert "USER_DB_PASSWORD_FILE" not in link
    assert not [name for name in environments.of(NEWS, 16060) if "_DB_" in name]


def test_every_service_finds_the_others(environments: Environments) -> None:
    news = environments.of(NEWS, 16060)
    assert news["SOCIAL_GRAPH_MANAGER_SERVICE_HOST"] == "127.0.0.1"
    assert news["SOCIAL_GRAPH_MANAGER_SERVICE_PORT"] == "9090"
    assert news["NATS_CLUSTER_SERVICE_PORT"] == "14222"


def test_only_services_that_are_called_or_call_have_tokens(environments: Environments) -> None:
    assert environments.of(LINK, 1)["MUTUAL_AUTH_FILE"].endswith("mutual-auth-link-manager.yaml")
    assert "MUTUAL_AUTH_FILE" not in environments.of(IDENTITY_PROVIDER, None)


def test_every_service_has_a_file_of_what_may_change(
    environments: Environments, tmp_path: Path
) -> None:
    file = environments.of(LINK, 1)["LIVE_CONFIG_FILE"]
    assert file == str(tmp_path / "live" / "link-manager.yaml")
    assert "LIVE_CONFIG_FILE" not in environments.of(IDENTITY_PROVIDER, None)


def test_users_log_in_with_the_local_provider(environments: Environments) -> None:
    gateway = environments.of(API_GATEWAY, 15000)
    provider = environments.of(IDENTITY_PROVIDER, None)
    assert gateway["GITHUB_URL"] == gateway["GITHUB_API_URL"] == "http://127.0.0.1:8090"
    assert provider["IDENTITY_PROVIDER_CALLBACK"] == "http://127.0.0.1:5000/login/authorized"
    for name in ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET_FILE"):
        assert gateway[name] == provider[name]


def test_users_log_in_with_github_when_it_is_named(
    tmp_path: Path, credentials: Credentials
) -> None:
    given = github({"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "word"}, credentials)
    layout = Layout().without(IDENTITY_PROVIDER)
    gateway = Environments(tmp_path, layout, credentials, given).of(API_GATEWAY, 15000)
    assert gateway["GITHUB_CLIENT_ID"] == "id"
    assert Path(gateway["GITHUB_CLIENT_SECRET_FILE"]).read_text() == "word"
    assert "GITHUB_URL" not in gateway


def test_githubs_secret_may_be_in_a_file(tmp_path: Path, credentials: Credentials) -> None:
    file = tmp_path / "word"
    given = github({"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET_FILE": str(file)}, credentials)
    assert given
    assert given.secret_file == file


def test_github_without_its_secret_is_refused(credentials: Credentials) -> None:
    with pytest.raises(GitHubSecretMissing, match="set GITHUB_CLIENT_SECRET"):
        github({"GITHUB_CLIENT_ID": "id"}, credentials)


def test_an_empty_github_application_is_none(credentials: Credentials) -> None:
    assert github({"GITHUB_CLIENT_ID": ""}, credentials) is None


def test_only_the_migration_is_told_what_opens_everything(environments: Environments) -> None:
    serving, migrating = environments.of(LINK, 1), environments.of_migration(LINK)
    assert serving["LINK_DB_USER"] == migrating["LINK_DB_USER"] == "link_manager"
    assert migrating["LINK_DB_OWNER_USER"] == "link_manager_owner"
    told = set(migrating) - set(serving)
    assert {name for name in told if "PASSWORD" in name} == {
        "LINK_DB_OWNER_PASSWORD_FILE",
        "LOCAL_POSTGRES_PASSWORD_FILE",
    }


def test_every_service_enters_its_stores_as_somebody_else(environments: Environments) -> None:
    news, gateway = environments.of(NEWS, 1), environments.of(API_GATEWAY, 1)
    assert news["NEWS_MANAGER_REDIS_USER"] == news["NATS_CLUSTER_USER"] == "news-manager"
    assert gateway["API_GATEWAY_REDIS_USER"] == gateway["NATS_CLUSTER_USER"] == "api-gateway"
    files = ("NEWS_MANAGER_REDIS_PASSWORD_FILE", "NATS_CLUSTER_PASSWORD_FILE")
    assert len({Path(news[name]).read_text() for name in files}) == 2
    assert "NATS_CLUSTER_USER" not in environments.of(IDENTITY_PROVIDER, None)


def test_nothing_is_encrypted_unless_it_is_asked_for(
    environments: Environments, tmp_path: Path, credentials: Credentials
) -> None:
    assert not [name for name in environments.of(LINK, 1) if "TLS" in name]
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare(Layout().services)
    layout = Layout(tls=True)
    encrypted = Environments(tmp_path, layout, credentials, certificates=certificates)
    link, gateway = encrypted.of(LINK, 1), encrypted.of(API_GATEWAY, 1)
    assert link["TLS_CERT_FILE"] == link["LINK_DB_TLS_CERT_FILE"]
    assert link["LINK_DB_SERVICE_PORT"] == str(layout.servers.postgres_tls)
    assert gateway["API_GATEWAY_REDIS_SERVICE_PORT"] == str(layout.servers.redis_tls)
    assert Path(gateway["PUBLIC_TLS_CERT_FILE"]).stem == "public"
    assert "PUBLIC_TLS_CA_FILE" not in gateway
    assert layout.url(API_GATEWAY).startswith("https:")
    assert layout.url(IDENTITY_PROVIDER).startswith("http:")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()} == {0o600}


@pytest.mark.parametrize(("service", "rules"), REDIS_RULES)
def test_what_redis_lets_a_service_do_is_told_as_it_is(service: Service, rules: str) -> None:
    told = (REPOSITORY / "docs" / "certificates.md").read_text()
    assert f"user {service.name} on #<sha256 of the password> {rules}\n" in told
