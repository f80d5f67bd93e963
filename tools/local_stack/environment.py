"""The environment of every process of the local stack.

As in a Kubernetes pod, every process sees the address of every service; what lets it in (a
database's password, a neighbour's token) goes only to the process that needs it, and always as the
path of a file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.local_stack.certificates import Certificates
from tools.local_stack.credentials import Credentials
from tools.local_stack.database import ADMINISTRATOR_PASSWORD
from tools.local_stack.layout import (
    API_GATEWAY,
    DATABASE,
    IDENTITY_PROVIDER,
    LINK,
    LINK_CHECKER,
    NATS,
    NEWS,
    OWNER,
    REDIS,
    SOCIAL_GRAPH,
    USER,
    Layout,
    Service,
)
from tools.local_stack.live import live_file

HOST = "127.0.0.1"
GRACE_PERIOD = 10
"""Seconds a stopping service may take here; a person waits for it."""

LOCAL_CLIENT_ID = "delinkcious-local"

_REDISES = {NEWS.name: "NEWS_MANAGER_REDIS", API_GATEWAY.name: "API_GATEWAY_REDIS"}
_DATABASES = {LINK.name: "LINK_DB", SOCIAL_GRAPH.name: "SOCIAL_GRAPH_DB", USER.name: "USER_DB"}

_LIMITS = {
    "LIMIT_ADDRESS": "600000/minute",
    "LIMIT_USER": "600000/minute",
    "LIMIT_TOKEN": "600000/minute",
    "LIMIT_LOGIN": "6000/minute",
    "LIMIT_IMPORTS": "6000/minute",
    "LIMIT_CHECKS": "6000/minute",
}
"""All who come here are one person and what that person tries out, from one address."""

_PROCESSORS = {each.name: n for n, each in enumerate((API_GATEWAY, LINK, SOCIAL_GRAPH, USER))}
"""To which processor each keeps who works on requests: the gateway and who it asks, to another."""


class GitHubSecretMissing(Exception):
    """GitHub is asked for, but not what opens it."""

    def __init__(self) -> None:
        super().__init__(
            "GITHUB_CLIENT_ID is set, so users log in with GitHub itself: set GITHUB_CLIENT_SECRET"
            " (or GITHUB_CLIENT_SECRET_FILE) too, or unset GITHUB_CLIENT_ID to log in locally"
        )


@dataclass(frozen=True)
class GitHub:
    """The OAuth application that users log in through, when that is not the local provider."""

    client_id: str
    secret_file: Path

    def variables(self) -> dict[str, str]:
        """What the gateway is told; GITHUB_URL and GITHUB_API_URL it inherits."""
        return {
            "GITHUB_CLIENT_ID": self.client_id,
            "GITHUB_CLIENT_SECRET_FILE": str(self.secret_file),
        }


def github(given: Mapping[str, str], credentials: Credentials) -> GitHub | None:
    """The GitHub application that the user's environment names, if any.

    Raises GitHubSecretMissing when it names one without a secret.
    """
    client_id = given.get("GITHUB_CLIENT_ID")
    if not client_id:
        return None
    if secret_file := given.get("GITHUB_CLIENT_SECRET_FILE"):
        return GitHub(client_id, Path(secret_file).absolute())
    if secret := given.get("GITHUB_CLIENT_SECRET"):
        return GitHub(client_id, credentials.keep("github-client-secret-given", secret))
    raise GitHubSecretMissing


@dataclass(frozen=True)
class Environments:
    """Makes the environment of each process of one stack."""

    directory: Path
    layout: Layout
    credentials: Credentials
    github: GitHub | None = None
    certificates: Certificates | None = None

    def of_migration(self, service: Service) -> dict[str, str]:
        """The same for what makes a service's database, as the role to which that belongs."""
        prefix = _DATABASES[service.name]
        return {
            **self.of(service, None),
            f"{prefix}_OWNER_USER": f"{_role(service)}_owner",
            f"{prefix}_OWNER_PASSWORD_FILE": str(self.credentials.password(service, OWNER)),
            "LOCAL_POSTGRES_HOST": HOST,
            "LOCAL_POSTGRES_PORT": str(self.layout.servers.postgres),
            ADMINISTRATOR_PASSWORD: str(self.credentials.postgres_password),
        }

    def of(self, service: Service, management_port: int | None) -> dict[str, str]:
        """The variables of one process, beside those that the stack itself was started with."""
        return {
            **self._common(service, management_port),
            **self._processor(service),
            **self._addresses(),
            **self._own(service),
            **self._broker(service),
            **self._live(service),
            **self._mutual_auth(service),
            **self._tls(service),
        }

    def _common(self, service: Service, management_port: int | None) -> dict[str, str]:
        return {
            "PORT": str(service.port),
            "MANAGEMENT_PORT": str(management_port or ""),
            "BIND_ADDRESS": HOST,
            "GRACE_PERIOD": str(GRACE_PERIOD),
            "DELINKCIOUS_LOCAL_DIR": str(self.directory),
        }

    def _processor(self, service: Service) -> dict[str, str]:
        number = _PROCESSORS.get(service.name)
        return {} if number is None else {"SERVER_PROCESSOR": str(number)}

    def _addresses(self) -> dict[str, str]:
        ports = self.layout.servers
        redis = ports.redis_tls if self.certificates else ports.redis
        return {
            **_address("LINK_MANAGER", self.layout.port(LINK)),
            **_address("SOCIAL_GRAPH_MANAGER", self.layout.port(SOCIAL_GRAPH)),
            **_address("USER_MANAGER", self.layout.port(USER)),
            **_address("NEWS_MANAGER", self.layout.port(NEWS)),
            **_address("NEWS_MANAGER_REDIS", redis),
            **_address("API_GATEWAY_REDIS", redis),
            **_address("NATS_CLUSTER", ports.nats),
        }

    def _own(self, service: Service) -> dict[str, str]:
        """What only this service is told."""
        if service.name in _DATABASES:
            return self._database(service, _DATABASES[service.name])
        if service.name == NEWS.name:
            return self._redis(service)
        if service.name == LINK_CHECKER.name:
            return {
                "LINK_CHECKER_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
                # What is tried out here is on one host, which is ours.
                "LINK_CHECKER_HOST_CONCURRENCY": "4",
                "LINK_CHECKER_HOST_PAUSE": "0.02",
            }
        if service.name == API_GATEWAY.name:
            return {
                "SECRET_KEY_FILE": str(self.credentials.gateway_key),
                **self._redis(service),
                **{name: os.environ.get(name) or limit for name, limit in _LIMITS.items()},
                **self._login(),
            }
        if service.name == IDENTITY_PROVIDER.name:
            return self._identity_provider()
        raise LookupError(service.name)

    def _database(self, service: Service, prefix: str) -> dict[str, str]:
        ports = self.layout.servers
        return {
            **_address(prefix, ports.postgres_tls if self.certificates else ports.postgres),
            f"{prefix}_USER": _role(service),
            f"{prefix}_PASSWORD_FILE": str(self.credentials.password(service, DATABASE)),
        }

    def _redis(self, service: Service) -> dict[str, str]:
        prefix = _REDISES[service.name]
        return {
            f"{prefix}_USER": service.name,
            f"{prefix}_PASSWORD_FILE": str(self.credentials.password(service, REDIS)),
        }

    def _broker(self, service: Service) -> dict[str, str]:
        if NATS not in service.stores:
            return {}
        return {
            "NATS_CLUSTER_USER": service.name,
            "NATS_CLUSTER_PASSWORD_FILE": str(self.credentials.password(service, NATS)),
        }

    def _tls(self, service: Service) -> dict[str, str]:
        if self.certificates is None:
            return {}
        prefixes = [_DATABASES.get(service.name), _REDISES.get(service.name)]
        prefixes += ["NATS_CLUSTER"] if NATS in service.stores else []
        return self.certificates.settings(service, filter(None, prefixes))

    def _login(self) -> dict[str, str]:
        if self.github:
            return self.github.variables()
        provider = self.layout.url(IDENTITY_PROVIDER)
        return {**self._application(), "GITHUB_URL": provider, "GITHUB_API_URL": provider}

    def _identity_provider(self) -> dict[str, str]:
        return {
            **self._application(),
            "IDENTITY_PROVIDER_LOCAL": "true",
            "IDENTITY_PROVIDER_CALLBACK": f"{self.layout.url(API_GATEWAY)}/login/authorized",
            "IDENTITY_PROVIDER_DATA": str(self.directory / "identity-provider"),
        }

    def _application(self) -> dict[str, str]:
        """The local OAuth application, the same for both its ends."""
        return {
            "GITHUB_CLIENT_ID": LOCAL_CLIENT_ID,
            "GITHUB_CLIENT_SECRET_FILE": str(self.credentials.github_secret),
        }

    def _live(self, service: Service) -> dict[str, str]:
        file = live_file(self.directory, service)
        return {"LIVE_CONFIG_FILE": str(file)} if file else {}

    def _mutual_auth(self, service: Service) -> dict[str, str]:
        file = self.credentials.mutual_auth(service.name)
        return {"MUTUAL_AUTH_FILE": str(file)} if file.exists() else {}


def _role(service: Service) -> str:
    """A service's role in its database, and the name of that."""
    return service.name.replace("-", "_")


def _address(prefix: str, port: int) -> dict[str, str]:
    return {f"{prefix}_SERVICE_HOST": HOST, f"{prefix}_SERVICE_PORT": str(port)}
