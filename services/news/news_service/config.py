"""The settings of the news service."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr

from delinkcious.config import Address, BrokerSettings, Port, ReadableFile, Seconds
from delinkcious.redis import RedisAddress


class NewsSettings(BrokerSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "news-manager"

    port: Port = 6060
    news_feed_size: int = Field(1000, ge=1, description="events that a feed has at most")
    news_retention: int = Field(90 * 86_400, ge=1, description="seconds that an event is kept")
    news_fanout_limit: int = Field(
        1000, ge=0, description="an author with more followers is read when news is read"
    )
    news_max_watchers: int = Field(500, ge=1, description="who may watch at the same time")
    news_heartbeat: Seconds = Field(10, description="seconds between signs of life to who watches")
    news_manager_redis_service_host: str = "localhost"
    news_manager_redis_service_port: Port = 6379
    news_manager_redis_user: str = ""
    news_manager_redis_password: SecretStr = SecretStr("")
    news_manager_redis_tls_ca_file: ReadableFile | None = None
    news_manager_redis_tls_cert_file: ReadableFile | None = None
    news_manager_redis_tls_key_file: ReadableFile | None = None
    social_graph_manager_service_host: str = "localhost"
    social_graph_manager_service_port: Port = 9090
    link_manager_service_host: str = "localhost"
    link_manager_service_port: Port = 8080

    @property
    def redis(self) -> RedisAddress:
        """Where the feeds are."""
        login = self._login("news_manager_redis")
        return RedisAddress(
            self.news_manager_redis_service_host,
            self.news_manager_redis_service_port,
            login.given,
            login.user,
            login.file,
            self._tls("news_manager_redis_"),
        )

    @property
    def retention(self) -> timedelta:
        """How long an event is kept."""
        return timedelta(seconds=self.news_retention)

    @property
    def social_graph(self) -> Address:
        """The service that knows who follows whom."""
        return Address(
            self.social_graph_manager_service_host, self.social_graph_manager_service_port
        )

    @property
    def link_manager(self) -> Address:
        """The service that knows what links there are."""
        return Address(self.link_manager_service_host, self.link_manager_service_port)
