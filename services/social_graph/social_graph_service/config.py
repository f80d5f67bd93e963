"""The settings of the social graph service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from delinkcious.config import OutboxSettings, Port, PostgresAddress, ReadableFile


class SocialGraphSettings(OutboxSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "social-graph-manager"

    port: Port = 9090
    server_threads: int = Field(4, ge=1, le=64, description="requests worked on at a time")
    social_graph_db_service_host: str = "localhost"
    social_graph_db_service_port: Port = 5432
    social_graph_db_name: str = "social_graph_manager"
    social_graph_db_user: str = "postgres"
    social_graph_db_password: SecretStr = SecretStr("")
    social_graph_db_owner_user: str = Field(
        "", description="who migrates; by default the service itself"
    )
    social_graph_db_owner_password: SecretStr = SecretStr("")
    social_graph_db_tls_ca_file: ReadableFile | None = None
    social_graph_db_tls_cert_file: ReadableFile | None = None
    social_graph_db_tls_key_file: ReadableFile | None = None

    @property
    def social_graph_db(self) -> PostgresAddress:
        """The database."""
        return self._postgres("social_graph_db")

    @property
    def social_graph_db_owner(self) -> PostgresAddress:
        """The database for its owner, who migrates it."""
        return self._postgres("social_graph_db", role="owner_")
