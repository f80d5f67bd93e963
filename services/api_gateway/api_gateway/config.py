"""The settings of the gateway."""

from ipaddress import ip_address
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from api_gateway.client_address import Proxies, ProxyHeader, parse_proxies
from api_gateway.cors import parse_origins
from api_gateway.limits import Kind, Limits, Rate
from delinkcious.config import (
    Address,
    BrokerSettings,
    Port,
    ReadableFile,
    Seconds,
    TlsFiles,
)
from delinkcious.redis import RedisAddress

_SHORTEST_KEY: Final = 32


class GatewaySettings(BrokerSettings):
    """Environment variables of the same names in upper case."""

    service_name: ClassVar[str] = "api-gateway"

    port: Port = 5000
    server_threads: int = Field(16, ge=1, le=64, description="requests worked on at a time")
    news_streams: int = Field(64, ge=1, le=512, description="how many may read news as they come")
    slow_requests: int = Field(32, ge=4, le=512, description="bodies waited for at a time")
    address_connections: int = Field(256, ge=8, le=8192, description="connections of one address")
    public_tls_cert_file: ReadableFile | None = Field(None, description="what clients are shown")
    public_tls_key_file: ReadableFile | None = Field(None, description="the key of that")
    public_url: str = Field("", description="how clients reach the gateway; by default as they say")
    trusted_proxies: str = Field("", description="networks whose word on clients' addresses counts")
    trusted_proxy_header: ProxyHeader = "X-Forwarded-For"
    secret_key: SecretStr = Field(description="signs the cookies of logins; at least 32 characters")
    cors_origins: str = Field("", description="sites whose scripts may call, comma-separated")
    session_cache_seconds: float = Field(5, ge=0, le=60)
    session_cache_size: int = Field(10_000, ge=1)

    api_gateway_redis_service_host: str = "localhost"
    api_gateway_redis_service_port: Port = 6379
    api_gateway_redis_user: str = ""
    api_gateway_redis_password: SecretStr = SecretStr("")
    api_gateway_redis_tls_ca_file: ReadableFile | None = None
    api_gateway_redis_tls_cert_file: ReadableFile | None = None
    api_gateway_redis_tls_key_file: ReadableFile | None = None
    limit_address: Rate = Limits().address
    limit_user: Rate = Limits().user
    limit_token: Rate = Limits().token
    limit_login: Rate = Limits().login
    limit_imports: Rate = Limits().imports
    limit_checks: Rate = Limits().checks

    github_client_id: str
    github_client_secret: SecretStr
    github_url: str = "https://github.com"
    github_api_url: str = "https://api.github.com"
    github_timeout: Seconds = Field(5, description="seconds for each of the three calls of a login")
    github_insecure: bool = Field(False, description="allows http to an address not on loopback")

    link_manager_service_host: str = "localhost"
    link_manager_service_port: Port = 8080
    social_graph_manager_service_host: str = "localhost"
    social_graph_manager_service_port: Port = 9090
    user_manager_service_host: str = "localhost"
    user_manager_service_port: Port = 7070
    news_manager_service_host: str = "localhost"
    news_manager_service_port: Port = 6060

    @field_validator("public_url", "github_url", "github_api_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an http or https URL")
        return parts.geturl().rstrip("/")  # the scheme in lower case, as it is looked at

    @field_validator("trusted_proxies")
    @classmethod
    def _is_list_of_networks(cls, value: str) -> str:
        parse_proxies(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        parse_origins(value)
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(f"must have at least {_SHORTEST_KEY} characters")
        return value

    @model_validator(mode="after")
    def _public_certificate_has_its_key(self) -> Self:
        if (self.public_tls_cert_file is None) != (self.public_tls_key_file is None):
            raise ValueError("PUBLIC_TLS_CERT_FILE and PUBLIC_TLS_KEY_FILE need each other")
        return self

    @property
    def serving_tls(self) -> TlsFiles | None:
        """What clients are shown; they need no certificate, and neighbours never call."""
        if self.public_tls_cert_file is None:
            return None
        return TlsFiles(None, self.public_tls_cert_file, self.public_tls_key_file)

    @model_validator(mode="after")
    def _secrets_stay_secret(self) -> Self:
        for name in ("github_url", "github_api_url"):
            url = getattr(self, name)
            if not (self.github_insecure or url.startswith("https:") or is_loopback(url)):
                raise ValueError(
                    f"{name.upper()}: {url} would send secrets unencrypted; use https, or set "
                    "GITHUB_INSECURE=true on a private network"
                )
        return self

    @property
    def proxies(self) -> Proxies:
        """The proxies in front of the gateway."""
        return Proxies(parse_proxies(self.trusted_proxies), self.trusted_proxy_header)

    @property
    def redis(self) -> RedisAddress:
        """Where requests are counted."""
        login = self._login("api_gateway_redis")
        return RedisAddress(
            self.api_gateway_redis_service_host,
            self.api_gateway_redis_service_port,
            login.given,
            login.user,
            login.file,
            self._tls("api_gateway_redis_"),
        )

    @property
    def limits(self) -> Limits:
        """How much may be asked."""
        return Limits(**{kind: getattr(self, f"limit_{kind}") for kind in Kind})

    @property
    def link_manager(self) -> Address:
        """The link service."""
        return Address(self.link_manager_service_host, self.link_manager_service_port)

    @property
    def social_graph_manager(self) -> Address:
        """The social graph service."""
        return Address(
            self.social_graph_manager_service_host, self.social_graph_manager_service_port
        )

    @property
    def user_manager(self) -> Address:
        """The user service."""
        return Address(self.user_manager_service_host, self.user_manager_service_port)

    @property
    def news_manager(self) -> Address:
        """The news service."""
        return Address(self.news_manager_service_host, self.news_manager_service_port)


def is_loopback(url: str) -> bool:
    """Tells whether a URL names this machine, so what is sent to it crosses no network."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
