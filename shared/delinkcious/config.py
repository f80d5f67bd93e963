"""Configuration: read once from the environment, typed, validated and then frozen.

A service subclasses `ServiceSettings` and adds its own fields; each field is an environment
variable of the same name in upper case. Any of them may be kept in a file instead (a Kubernetes or
compose secret): ``NAME_FILE`` is the path of the file that holds ``NAME``. An empty value counts as
unset.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from delinkcious import redaction
from delinkcious.redaction import REDACTED

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _readable(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(str(error.strerror)) from None
    return path


ReadableFile = Annotated[Path, AfterValidator(_readable)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_HOUR: Final = 3600.0
_WEEK: Final = 7 * 24 * _HOUR
_MONTH: Final = 30 * 24 * _HOUR


class ConfigurationError(Exception):
    """The environment does not make a valid configuration; the message has a line a mistake."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of one end of connections that are encrypted.

    Attributes:
        ca: the certificates of those who may sign the other end's.
        cert: our certificate, with those between it and its CA; None if we show none.
        key: the key of that.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def paths(self) -> list[Path]:
        """Returns those that there are."""
        return [path for path in (self.ca, self.cert, self.key) if path is not None]


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password for a server. The password stays out of ``repr``.

    Attributes:
        file: where the password is read each time it is needed, so that it can be changed.
    """

    user: str = ""
    given: str = field(default="", repr=False)
    file: Path | None = None

    @property
    def password(self) -> str:
        """The password of this moment."""
        if self.file is None:
            return self.given
        try:
            password = self.file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return self.given  # as it was at the start
        redaction.keep([password])
        return password


@dataclass(frozen=True)
class PostgresAddress:
    """One database of a Postgres server. The password stays out of ``repr``.

    Attributes:
        password_file: where the password is read for each connection, instead.
        tls: set, the connection is encrypted and the server has to be who it should be.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str = "postgres"
    password_file: Path | None = None
    tls: TlsFiles | None = None

    def parameters(self) -> dict[str, Any]:
        """Returns the libpq connection parameters."""
        login = Login(self.user, self.password, self.password_file)
        parameters: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.name,
            "user": self.user,
            "password": login.password or None,
        }
        if self.tls is not None:
            parameters |= {"sslmode": "verify-full", "sslrootcert": str(self.tls.ca)}
            if self.tls.cert is not None:
                parameters |= {"sslcert": str(self.tls.cert), "sslkey": str(self.tls.key)}
        return parameters


class _FileSource(PydanticBaseSettingsSource):
    """Reads ``NAME`` from the file that ``NAME_FILE`` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            raise ConfigurationError(f"{variable}: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{variable}: {path}: it is not text") from None

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in values.items() if value}


class ServiceSettings(BaseSettings):
    """What every process of every service is configured with."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", case_sensitive=False
    )
    service_name: ClassVar[str]

    port: Port
    bind_address: str = "0.0.0.0"  # noqa: S104 - a container serves its own network interface
    management_port: Port = 9000
    management_tls: bool = Field(False, description="whether that port is encrypted, too")
    log_level: LogLevel = "INFO"
    live_config_file: Path | None = Field(
        None, description="YAML of what may change while the process runs"
    )
    grace_period: Seconds = Field(25, description="seconds that a stopping process may still take")
    drain_delay: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="seconds between not ready and not accepting, for load balancers",
    )
    server_processor: int | None = Field(
        None,
        ge=0,
        description="the processor that a server keeps to; by default none in particular",
    )
    delinkcious_mutual_auth: bool = True
    mutual_auth_file: Path = Path("/etc/delinkcious/mutual-auth.yaml")
    tls_ca_file: ReadableFile | None = Field(None, description="who signs certificates of peers")
    tls_cert_file: ReadableFile | None = Field(None, description="the certificate of this service")
    tls_key_file: ReadableFile | None = Field(None, description="the key of that")
    routing_headers: str = Field("", description="comma-separated names of headers to pass on")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Takes explicit values first, then the environment, then files."""
        return init_settings, env_settings, _FileSource(settings_cls)

    @model_validator(mode="after")
    def _drains_in_time(self) -> Self:
        if self.drain_delay >= self.grace_period:
            raise ValueError(
                f"DRAIN_DELAY ({self.drain_delay}) must be shorter than "
                f"GRACE_PERIOD ({self.grace_period})"
            )
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        names = [name for name in type(self).model_fields if name.endswith("tls_ca_file")]
        for prefix in (name.removesuffix("tls_ca_file") for name in names):
            ca, cert, key = self._tls_files(prefix)
            if (cert is None) != (key is None) or (ca is None and cert is not None):
                variables = f"{prefix}tls_ca_file, _cert_file and _key_file".upper()
                raise ValueError(
                    f"{variables}: a certificate needs its key, a key its certificate, "
                    "and both the CA of the other end"
                )
        if self.management_tls and self.tls_cert_file is None:
            raise ValueError("MANAGEMENT_TLS needs TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE")
        if self.tls_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("TLS_CERT_FILE and TLS_KEY_FILE are not set, but TLS_CA_FILE is")
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """What this service proves to others who it is with; None if it speaks unencrypted."""
        return self._tls("")

    @property
    def serving_tls(self) -> TlsFiles | None:
        """The same for those who call it."""
        return self.tls

    def _tls(self, prefix: str) -> TlsFiles | None:
        """Returns the files that variables with this prefix name, if any."""
        files = TlsFiles(*self._tls_files(prefix))
        return files if files.paths() else None

    def _tls_files(self, prefix: str) -> list[Path | None]:
        return [getattr(self, f"{prefix}tls_{part}_file") for part in ("ca", "cert", "key")]

    def _postgres(self, prefix: str, *, role: str = "") -> PostgresAddress:
        """Returns the database that variables with this prefix name.

        Args:
            role: of whom to enter it as, if not as the service itself: ``owner_``. Without a name
                that is the service, too.
        """
        role = role if getattr(self, f"{prefix}_{role}user") else ""
        password = f"{prefix}_{role}password"
        return PostgresAddress(
            getattr(self, f"{prefix}_service_host"),
            getattr(self, f"{prefix}_service_port"),
            getattr(self, f"{prefix}_{role}user"),
            getattr(self, password).get_secret_value(),
            getattr(self, f"{prefix}_name"),
            _file_of(password),
            self._tls(f"{prefix}_"),
        )

    def _login(self, prefix: str) -> Login:
        """Returns the login that variables with this prefix name."""
        password = f"{prefix}_password"
        given = getattr(self, password).get_secret_value()
        return Login(getattr(self, f"{prefix}_user"), given, _file_of(password))

    @classmethod
    def load(cls) -> Self:
        """Reads the environment.

        Raises:
            ConfigurationError: with one line for each value that is missing or wrong.
        """
        try:
            settings = cls()
        except ValidationError as error:
            lines = [_explain(cls, dict(mistake)) for mistake in error.errors()]
            raise ConfigurationError("\n".join(lines)) from None
        except SettingsError as error:
            raise ConfigurationError(str(error)) from None
        redaction.keep(settings.secrets())
        return settings

    def secrets(self) -> list[str]:
        """Returns what nobody may read."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def redacted(self) -> dict[str, Any]:
        """Returns the effective configuration with the secrets masked, fit for a log."""
        return {
            name: (REDACTED if value.get_secret_value() else "")
            if isinstance(value := getattr(self, name), SecretStr)
            else value
            if isinstance(value, int | float | bool)
            else str(value)
            for name in type(self).model_fields
        }

    def routing_header_names(self) -> list[str]:
        """Returns the names in ``ROUTING_HEADERS``."""
        return [name.strip() for name in self.routing_headers.split(",") if name.strip()]


class BrokerSettings(ServiceSettings):
    """What every process is configured with that uses the event broker.

    The broker's streams belong to nobody alone: how long they keep events must be the same for all.
    """

    nats_cluster_service_host: str = "localhost"
    nats_cluster_service_port: Port = 4222
    nats_cluster_user: str = ""
    nats_cluster_password: SecretStr = SecretStr("")
    nats_cluster_tls_ca_file: ReadableFile | None = None
    nats_cluster_tls_cert_file: ReadableFile | None = None
    nats_cluster_tls_key_file: ReadableFile | None = None
    event_retention: float = Field(
        _WEEK, ge=_HOUR, allow_inf_nan=False, description="seconds that streams keep events"
    )
    dead_letter_retention: float = Field(
        _MONTH, ge=_HOUR, allow_inf_nan=False, description="seconds that dead letters are kept"
    )

    @property
    def nats(self) -> Address:
        """The broker."""
        return Address(self.nats_cluster_service_host, self.nats_cluster_service_port)

    @property
    def nats_login(self) -> Login:
        """Who enters the broker."""
        return self._login("nats_cluster")

    @property
    def nats_tls(self) -> TlsFiles | None:
        """How the connection to the broker is encrypted, if it is."""
        return self._tls("nats_cluster_")

    @model_validator(mode="after")
    def _outlive_their_streams(self) -> Self:
        if self.dead_letter_retention < self.event_retention:
            raise ValueError(
                f"DEAD_LETTER_RETENTION ({self.dead_letter_retention:g}) must not be shorter than "
                f"EVENT_RETENTION ({self.event_retention:g})"
            )
        return self


class OutboxSettings(BrokerSettings):
    """What every process is configured with whose service has an outbox."""

    outbox_retention: float = Field(
        _WEEK, ge=0, allow_inf_nan=False, description="seconds that published events are kept"
    )


def _file_of(name: str) -> Path | None:
    """Returns the file that a setting was read from, if it was."""
    path = None if os.environ.get(name.upper()) else os.environ.get(f"{name.upper()}_FILE")
    return Path(path) if path else None


def _explain(settings: type[ServiceSettings], mistake: Mapping[str, Any]) -> str:
    field = str(mistake["loc"][0]) if mistake["loc"] else ""
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if mistake["type"] == "missing":
        return (
            f"{field.upper()} is not set; set it, or {field.upper()}_FILE to a file that holds it"
        )
    if not field:
        return message
    secret = _is_secret(settings.model_fields[field].annotation)
    given = "" if secret else f" (it is {mistake['input']!r})"
    return f"{field.upper()}: {message[0].lower()}{message[1:]}{given}"


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
