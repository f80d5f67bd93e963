"""The certificates of a local stack that encrypts: made anew at each start, by a CA that then goes.

The embedded PostgreSQL and Redis have no TLS, so in front of each stands a relay that has.
"""

import shutil
import signal
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from delinkcious.config import TlsFiles
from delinkcious.testing.certificates import LOOPBACK, Authority, tls_settings
from tools.local_stack.layout import API_GATEWAY, IDENTITY_PROVIDER, Service

STORES = "stores"
PUBLIC = "public"


@dataclass(frozen=True)
class Certificates:
    """The folder of the certificates."""

    directory: Path

    @property
    def exist(self) -> bool:
        """Whether the stack of this folder encrypts."""
        return self.directory.exists()

    def forget(self) -> None:
        """Remove those of an earlier run."""
        if self.exist:
            shutil.rmtree(self.directory)

    def prepare(self, services: Iterable[Service]) -> None:
        """Make one for each service, one for the servers, and one for what clients see."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = Authority(self.directory)
        for service in services:
            authority.issue(service.name)
        authority.issue(STORES, *LOOPBACK)
        authority.issue(PUBLIC, *LOOPBACK)

    def files(self, name: str) -> TlsFiles:
        """What somebody has."""
        stem = self.directory / name
        return TlsFiles(
            self.directory / "ca.pem", stem.with_suffix(".pem"), stem.with_suffix(".key")
        )

    def settings(self, service: Service, stores: Iterable[str]) -> dict[str, str]:
        """What a service is told of its own, for its neighbours and for each of its stores."""
        if service.name == IDENTITY_PROVIDER.name:
            return {}
        own = self.files(service.name)
        settings = tls_settings(own)
        for store in stores:
            settings |= tls_settings(own, f"{store}_")
        if service.name == API_GATEWAY.name:
            public = self.files(PUBLIC)
            settings |= tls_settings(TlsFiles(None, public.cert, public.key), "PUBLIC_")
        return settings


@dataclass(frozen=True)
class TlsRelay:
    """What stands in front of a server that has no TLS."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    kind: Literal["postgres", "redis"]
    port: int
    server: int
    files: TlsFiles

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.kind}-tls"

    def prepare(self) -> None:
        """Nothing is kept."""

    def command(self) -> list[str]:
        """The command that runs it in the foreground."""
        ports = (f"127.0.0.1:{self.port}", f"127.0.0.1:{self.server}")
        certificates = [str(path) for path in self.files.paths()]
        module = "delinkcious.testing.tls_relay"
        return [sys.executable, "-m", module, self.kind, *ports, *certificates]

    def answers(self) -> bool:
        """Whether it listens."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
