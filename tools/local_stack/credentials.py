"""The secrets of one local stack: made at its first start, in files only their owner can read."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.local_stack.layout import SERVICES, TALKS_WITH, Service
from tools.local_stack.whole import write_whole


@dataclass(frozen=True)
class Credentials:
    """The folder of the secrets; nothing outside it ever holds one."""

    directory: Path

    def prepare(self) -> None:
        """Make what is missing; what exists stays, as stored data depends on it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.postgres_password, self.redis_password, self.gateway_key):
            _keep_or_make(path)
        _keep_or_make(self.github_secret)
        for service in SERVICES:
            for store in service.stores:
                _keep_or_make(self.password(service, store))
        if not all(self._share_a_secret(one, other) for one, other in TALKS_WITH):
            self._make_mutual_auth()

    def password(self, service: Service, store: str) -> Path:
        """The password by which a service enters one of its stores, and nobody else does."""
        return self.directory / f"{store}-password-{service.name}"

    @property
    def postgres_password(self) -> Path:
        """The password of PostgreSQL's administrator."""
        return self.directory / "postgres-password"

    @property
    def redis_password(self) -> Path:
        """The password of Redis's administrator."""
        return self.directory / "redis-password"

    @property
    def gateway_key(self) -> Path:
        """What the gateway signs its cookies with."""
        return self.directory / "gateway-secret-key"

    @property
    def github_secret(self) -> Path:
        """What the gateway shows the local identity provider."""
        return self.directory / "github-client-secret"

    def mutual_auth(self, service: str) -> Path:
        """What a service shows its neighbours, and expects of them."""
        return self.directory / f"mutual-auth-{service}.yaml"

    def keep(self, name: str, secret: str) -> Path:
        """Put a secret that came from elsewhere into a file, for the one process that needs it."""
        path = self.directory / name
        write_whole(path, secret)
        return path

    def _share_a_secret(self, one: str, other: str) -> bool:
        return all(
            path.exists() and peer in json.loads(path.read_text())
            for path, peer in ((self.mutual_auth(one), other), (self.mutual_auth(other), one))
        )

    def _make_mutual_auth(self) -> None:
        files: dict[str, dict[str, str]] = {name: {} for name in _members(TALKS_WITH)}
        for one, other in TALKS_WITH:
            files[one][other] = files[other][one] = secrets.token_urlsafe(32)
        for name, tokens in files.items():
            # JSON is YAML
            write_whole(self.mutual_auth(name), json.dumps(tokens, indent=2) + "\n")


def _members(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({name for pair in pairs for name in pair})


def _keep_or_make(path: Path) -> None:
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(32))
