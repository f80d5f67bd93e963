"""The settings of the link service."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr

from delinkcious.config import OutboxSettings, Port, PostgresAddress, ReadableFile, Seconds
from link_service.health import HealthRules, Pace


class LinkSettings(OutboxSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "link-manager"

    port: Port = 8080
    server_threads: int = Field(4, ge=1, le=64, description="requests worked on at a time")
    max_links_per_user: int = Field(100_000, ge=1)
    link_db_service_host: str = "localhost"
    link_db_service_port: Port = 5432
    link_db_name: str = "link_manager"
    link_db_user: str = "postgres"
    link_db_password: SecretStr = SecretStr("")
    link_db_owner_user: str = Field("", description="who migrates; by default the service itself")
    link_db_owner_password: SecretStr = SecretStr("")
    link_db_tls_ca_file: ReadableFile | None = None
    link_db_tls_cert_file: ReadableFile | None = None
    link_db_tls_key_file: ReadableFile | None = None
    check_confirm_after: Seconds = 1
    check_retry_after: Seconds = 60
    check_failures: int = Field(4, ge=2)
    check_failing_for: Seconds = 3600
    check_dead_again_after: Seconds = 6 * 3600
    check_again_after: Seconds = 24 * 3600
    check_again_at_most: Seconds = 30 * 24 * 3600

    @property
    def health_rules(self) -> HealthRules:
        """When links are valid or invalid, and when they are checked again."""
        at_most = timedelta(seconds=self.check_again_at_most)
        retry_after = timedelta(seconds=self.check_retry_after)
        return HealthRules(
            confirm_after=timedelta(seconds=self.check_confirm_after),
            failures=self.check_failures,
            failing_for=timedelta(seconds=self.check_failing_for),
            retry=Pace(retry_after, 15 * retry_after),
            dead=Pace(timedelta(seconds=self.check_dead_again_after), at_most),
            healthy=Pace(timedelta(seconds=self.check_again_after), at_most),
        )

    @property
    def link_db(self) -> PostgresAddress:
        """The database."""
        return self._postgres("link_db")

    @property
    def link_db_owner(self) -> PostgresAddress:
        """The database for its owner, who migrates it."""
        return self._postgres("link_db", role="owner_")
