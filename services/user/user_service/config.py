"""The settings of the user service."""

from datetime import timedelta
from typing import ClassVar, Final

from pydantic import Field, SecretStr

from delinkcious.config import OutboxSettings, Port, PostgresAddress, ReadableFile

_SEVEN_DAYS: Final = 7 * 24 * 3600.0
_THIRTY_DAYS: Final = 30 * 24 * 3600.0
_ONE_DAY: Final = 24 * 3600.0
_TEN_YEARS: Final = 10 * 365 * 24 * 3600.0


class UserSettings(OutboxSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "user-manager"

    port: Port = 7070
    server_threads: int = Field(4, ge=1, le=64, description="requests worked on at a time")
    session_lifetime: float = Field(
        _THIRTY_DAYS, gt=0, le=_TEN_YEARS, description="seconds from a login to its end"
    )
    session_idle_lifetime: float = Field(
        _SEVEN_DAYS, gt=0, le=_TEN_YEARS, description="seconds from a session's last use to its end"
    )
    deletion_quarantine: float = Field(
        20, ge=0, le=3600, description="seconds from a deletion until its username is free again"
    )
    deletion_patience: float = Field(
        300, gt=0, le=86_400, description="seconds until services are told again of a deletion"
    )
    audit_retention: float = Field(
        365 * _ONE_DAY,
        ge=30 * _ONE_DAY,
        le=_TEN_YEARS,
        description="seconds that the audit trail is kept",
    )
    user_db_service_host: str = "localhost"
    user_db_service_port: Port = 5432
    user_db_name: str = "user_manager"
    user_db_user: str = "postgres"
    user_db_password: SecretStr = SecretStr("")
    user_db_owner_user: str = Field("", description="who migrates; by default the service itself")
    user_db_owner_password: SecretStr = SecretStr("")
    user_db_tls_ca_file: ReadableFile | None = None
    user_db_tls_cert_file: ReadableFile | None = None
    user_db_tls_key_file: ReadableFile | None = None

    @property
    def lifetime_of_sessions(self) -> timedelta:
        """How long a session lasts, used or not."""
        return timedelta(seconds=self.session_lifetime)

    @property
    def user_db(self) -> PostgresAddress:
        """The database."""
        return self._postgres("user_db")

    @property
    def user_db_owner(self) -> PostgresAddress:
        """The database for its owner, who migrates it."""
        return self._postgres("user_db", role="owner_")
