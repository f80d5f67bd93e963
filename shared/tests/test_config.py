"""Settings from the environment and from files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, SecretStr, ValidationError

from delinkcious.config import (
    Address,
    ConfigurationError,
    Login,
    OutboxSettings,
    PostgresAddress,
    ServiceSettings,
)
from delinkcious.redaction import REDACTED, clean


class Settings(ServiceSettings):
    """A service with a setting of each kind."""

    service_name: ClassVar[str] = "probe"

    limit: int = Field(10, ge=1)
    password: SecretStr = SecretStr("")
    pepper: Annotated[SecretStr, Field(min_length=8)] | None = None
    networks: tuple[str, ...] = ()


Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the settings from these variables and no others."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)

    def load_from(**variables: str) -> Settings:
        for name, value in {"PORT": "8080", **variables}.items():
            monkeypatch.setenv(name, value)
        return Settings.load()

    return load_from


def mistake(load: Load, **variables: str) -> str:
    """Returns what is said of a wrong environment."""
    with pytest.raises(ConfigurationError) as error:
        load(**variables)
    return str(error.value)


def test_variables_become_typed_values(load: Load) -> None:
    settings = load(PORT="81", GRACE_PERIOD="2.5", DELINKCIOUS_MUTUAL_AUTH="false", LIMIT="3")
    assert (settings.port, settings.grace_period, settings.limit) == (81, 2.5, 3)
    assert settings.delinkcious_mutual_auth is False


def test_what_is_not_set_has_its_default(load: Load) -> None:
    settings = load()
    assert (settings.bind_address, settings.log_level) == ("0.0.0.0", "INFO")
    assert settings.delinkcious_mutual_auth is True
    assert settings.mutual_auth_file == Path("/etc/delinkcious/mutual-auth.yaml")


def test_settings_cannot_be_changed(load: Load) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().port = 1  # type: ignore[misc]


def test_an_empty_variable_counts_as_unset(load: Load) -> None:
    assert load(LIMIT="", DELINKCIOUS_MUTUAL_AUTH="").limit == 10
    assert mistake(load, PORT="").startswith("PORT is not set")


def test_a_setting_may_be_kept_in_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "limit").write_text("7")
    settings = load(PASSWORD_FILE=str(tmp_path / "password"), LIMIT_FILE=str(tmp_path / "limit"))
    assert settings.password.get_secret_value() == "s3cret"
    assert settings.limit == 7


def test_a_variable_goes_before_its_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("7")
    assert load(LIMIT="3", LIMIT_FILE=str(tmp_path / "limit")).limit == 3


def test_an_empty_file_counts_as_unset(load: Load, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("\n")
    assert load(LIMIT_FILE=str(tmp_path / "limit")).limit == 10


def test_a_file_that_cannot_be_read_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        said = mistake(load, PASSWORD_FILE=str(path))
        assert said.startswith(f"PASSWORD_FILE: {path}: ")
        assert "\n" not in said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PORT": ""}, "PORT is not set; set it, or PORT_FILE to a file that holds it"),
        ({"PORT": "http"}, "PORT: input should be a valid integer"),
        ({"PORT": "70000"}, "PORT: input should be less than or equal to 65535 (it is '70000')"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ({"GRACE_PERIOD": "0"}, "GRACE_PERIOD: input should be greater than 0 (it is '0')"),
        ({"GRACE_PERIOD": "inf"}, "GRACE_PERIOD: input should be a finite number (it is 'inf')"),
        ({"DRAIN_DELAY": "inf"}, "DRAIN_DELAY: input should be a finite number (it is 'inf')"),
        ({"NETWORKS": "10.0.0.0/8"}, 'error parsing value for field "networks"'),
    ],
)
def test_a_wrong_value_gives_one_line_that_names_it(
    load: Load, variables: dict[str, str], said: str
) -> None:
    line = mistake(load, **variables)
    assert line.startswith(said)
    assert "\n" not in line


def test_each_mistake_has_its_line(load: Load) -> None:
    said = mistake(load, PORT="0", LIMIT="none", LOG_LEVEL="LOUD").splitlines()
    assert [line.partition(":")[0] for line in said] == ["PORT", "LOG_LEVEL", "LIMIT"]


def test_a_drain_that_outlasts_the_grace_period_is_a_mistake(load: Load) -> None:
    """The process would be ended by force each time it is stopped."""
    said = mistake(load, GRACE_PERIOD="5", DRAIN_DELAY="5")
    assert said == "DRAIN_DELAY (5.0) must be shorter than GRACE_PERIOD (5.0)"


def test_a_wrong_secret_is_not_repeated(load: Load) -> None:
    said = mistake(load, PEPPER="s3cret")
    assert said.startswith("PEPPER: ")
    assert "s3cret" not in said


def test_the_effective_settings_can_be_logged_without_their_secrets(load: Load) -> None:
    settings = load(PASSWORD="s3cret", PEPPER="long enough", LIMIT="3")
    shown = settings.redacted()
    assert shown["password"] == shown["pepper"] == "**********"
    assert (shown["limit"], shown["mutual_auth_file"]) == (3, "/etc/delinkcious/mutual-auth.yaml")
    assert "s3cret" not in f"{settings!r} {shown}"


def test_a_secret_that_is_not_set_is_shown_as_empty(load: Load) -> None:
    assert load().redacted()["password"] == ""


@pytest.mark.parametrize("given", ["x-branch, X-Tenant", " x-branch,,X-Tenant ,"])
def test_routing_headers_are_a_list_of_names(load: Load, given: str) -> None:
    assert load(ROUTING_HEADERS=given).routing_header_names() == ["x-branch", "X-Tenant"]
    assert load(ROUTING_HEADERS="").routing_header_names() == []


def test_an_address_reads_as_host_and_port() -> None:
    assert str(Address("127.0.0.1", 80)) == "127.0.0.1:80"


def test_the_address_of_an_ipv6_host_is_written_in_brackets() -> None:
    """RFC 3986, section 3.2.2."""
    assert str(Address("::1", 80)) == "[::1]:80"


def test_the_password_of_a_database_stays_out_of_what_is_printed() -> None:
    address = PostgresAddress("db", 5432, "app", "s3cret", "links")
    assert "s3cret" not in repr(address)
    expected: dict[str, Any] = {
        "host": "db", "port": 5432, "dbname": "links", "user": "app", "password": "s3cret",
    }  # fmt: skip
    assert address.parameters() == expected


class Consuming(OutboxSettings):
    """A service that uses the broker."""

    service_name: ClassVar[str] = "probe"


def test_events_are_kept_for_a_week_and_dead_letters_for_a_month(load: Load) -> None:
    settings = Consuming(port=8080)
    assert settings.event_retention == settings.outbox_retention == 7 * 86_400
    assert settings.dead_letter_retention == 30 * 86_400


def test_dead_letters_that_die_before_their_events_are_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("EVENT_RETENTION", "7200")
    monkeypatch.setenv("DEAD_LETTER_RETENTION", "3600")
    with pytest.raises(ConfigurationError) as error:
        Consuming.load()
    assert str(error.value) == (
        "DEAD_LETTER_RETENTION (3600) must not be shorter than EVENT_RETENTION (7200)"
    )


def test_secrets_are_taken_out_of_what_is_logged(load: Load) -> None:
    load(PASSWORD="correct horse", PEPPER="battery staple")
    assert clean("correct horse, battery staple") == f"{REDACTED}, {REDACTED}"


def test_a_changed_password_is_taken_out_of_what_is_logged_too(tmp_path: Path) -> None:
    file = tmp_path / "password"
    login = Login("link", "", file)
    for password in ("the first password", "the second password"):
        file.write_text(f"{password}\n")
        assert login.password == password
    assert clean("the first password, the second password") == f"{REDACTED}, {REDACTED}"
