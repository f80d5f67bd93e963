"""The settings of the social graph service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from delinkcious.config import OutboxSettings, Port, PostgresAddress


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

    @property
    def social_graph_db(self) -> PostgresAddress:
        """The database."""
        return PostgresAddress(
            self.social_graph_db_service_host,
            self.social_graph_db_service_port,
            self.social_graph_db_user,
            self.social_graph_db_password.get_secret_value(),
            self.social_graph_db_name,
        )
