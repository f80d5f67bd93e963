"""The settings of the link service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from delinkcious.config import OutboxSettings, Port, PostgresAddress


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

    @property
    def link_db(self) -> PostgresAddress:
        """The database."""
        return PostgresAddress(
            self.link_db_service_host,
            self.link_db_service_port,
            self.link_db_user,
            self.link_db_password.get_secret_value(),
            self.link_db_name,
        )
