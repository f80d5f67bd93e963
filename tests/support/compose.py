"""The platform in containers, as ``make up`` runs it, for the tests that know ``Stack``.

It has a project of its own, beside one that somebody uses. It is published on the address that this
machine has among the containers, and not on loopback: there a proxy of the engine accepts every
connection, also those that the container then refuses, and closes them without a word.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import Any, Final

import psutil
import redis
import requests
import yaml
from psycopg.conninfo import make_conninfo

from delinkcious.clients.news import NewsClient
from delinkcious.config import Address
from delinkcious.grpc.client import GrpcClient
from delinkcious.testing.images import pinned
from delinkcious.testing.waiting import free_port, wait_until
from tests.support.stack import ROOT, family
from tools.consistency.__main__ import DATABASES, compare

PROJECT: Final = "delinkcious-test"
START_TIMEOUT: Final = 60
GRACE_PERIOD: Final = 30
MANAGEMENT_PORT: Final = 9000
_NEWS_PORT: Final = 6060
_REPLICAS: Final = 10
_KILLER: Final = pinned("PYTHON_IMAGE")
_DATABASES: Final = ("link-db", "social-graph-db", "user-db")
_OF_A_SERVER: Final = {"postgres": _DATABASES, "redis": ("redis",), "nats": ("nats",)}

_LIMITS: Final = {
    **dict.fromkeys(("LIMIT_ADDRESS", "LIMIT_USER", "LIMIT_TOKEN"), "600000/minute"),
    **dict.fromkeys(("LIMIT_LOGIN", "LIMIT_IMPORTS", "LIMIT_CHECKS"), "6000/minute"),
}
"""All tests come from one address."""

Part = tuple[str, str]
"""A service and its role; a server has none."""


def docker(*arguments: str) -> str:
    """Runs a command of the engine and returns what it prints."""
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def machine() -> str:
    """The address that this machine has among the containers."""
    found = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    return found or docker(
        *("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}")
    ).replace(".0/16", ".1")


class ComposeStack:
    """One project of compose, which keeps its data when it is stopped and started again."""

    def __init__(self) -> None:
        host, port, provider = machine(), free_port(), free_port()
        self._more_ports = f"{host}:{port + 1}-{port + _REPLICAS}"
        self.gateway = f"http://{host}:{port}"
        self._environment = {
            **os.environ,
            **_LIMITS,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_PROGRESS": "quiet",
            "PUBLIC_URL": self.gateway,
            "GATEWAY_PORTS": f"{host}:{port}",
            "IDENTITY_PROVIDER_PORT": str(provider),
        }

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        """Runs one of the targets that people use, for this project."""
        return subprocess.run(
            ["make", target], cwd=ROOT, env=self._environment, capture_output=True, text=True
        )

    def compose(self, *arguments: str, **settings: str) -> str:
        """Runs a command of compose and returns what it prints.

        Raises:
            AssertionError: it failed; says with what words.
        """
        run = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            env={**self._environment, **settings},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, f"docker compose {' '.join(arguments)}: {run.stderr}"
        return run.stdout.strip()

    def start(self) -> None:
        """Starts all containers, and waits until everybody can do their work."""
        made = self.make("up")
        assert made.returncode == 0, made.stdout + made.stderr
        wait_until(self.all_ready, timeout=START_TIMEOUT)

    def stop(self) -> int:
        """Stops all containers; returns the worst of their exit codes."""
        self.compose("stop")
        return max(self.exit_codes().values())

    def remove(self) -> None:
        """Forgets the containers, and what they have stored."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5")

    def exit_codes(self) -> dict[str, int]:
        """How each container ended, by its name."""
        return {name: int(state["ExitCode"]) for name, state in self._states().items()}

    @property
    def running(self) -> bool:
        return any(state["Running"] for state in self._states().values())

    def _states(self) -> dict[str, dict[str, Any]]:
        ids = self.compose("ps", "--all", "--quiet").split()
        return {c["Name"]: c["State"] for c in json.loads(docker("inspect", *ids))} if ids else {}

    def processes(self) -> list[psutil.Process]:
        """The first process of each container that runs."""
        return [psutil.Process(state["Pid"]) for state in self._states().values() if state["Pid"]]

    def members(self) -> list[Part]:
        """Every role of every service that runs, without the servers and who has ended."""
        names = self.compose("ps", "--services", "--status", "running").split()
        servers = {name for names in _OF_A_SERVER.values() for name in names}
        return [_part(name) for name in names if name not in {*servers, "identity-provider"}]

    def containers(self, name: str, role: str = "serve") -> list[str]:
        """The ids of the containers of a part of the platform."""
        found = [self.compose("ps", "--all", "--quiet", each) for each in _services(name, role)]
        return "\n".join(found).split()

    def inspect(self, name: str, role: str = "serve") -> list[dict[str, Any]]:
        """What the engine knows of those."""
        inspected: list[dict[str, Any]] = json.loads(
            docker("inspect", *self.containers(name, role))
        )
        return inspected

    def pid(self, name: str, role: str = "serve") -> int:
        """0 between the end of one process and the start of the next."""
        return min(int(container["State"]["Pid"]) for container in self.inspect(name, role))

    def read(self) -> dict[str, Any]:
        """As much of what a local stack says of itself as tests want to know."""
        return {
            "gateway": self.gateway,
            "processes": [
                {"name": name, "role": role, "pid": self.pid(name, role)}
                for name, role in self.members()
            ],
            "servers": {name: {"pid": self.pid(name, "")} for name in _OF_A_SERVER},
        }

    def management(self, name: str, role: str, path: str) -> requests.Response:
        """Asks the first container of a part by itself: its management port is not published."""
        return requests.get(
            f"http://{self.address(name, role)}:{MANAGEMENT_PORT}{path}", timeout=10
        )

    def address(self, service: str, role: str = "serve") -> str:
        """Where this machine finds the first container of a service of compose."""
        name = f"{service}-work" if role == "work" else service
        (container, *_) = self.compose("ps", "--all", "--quiet", name).split()
        network = f'{{{{(index .NetworkSettings.Networks "{PROJECT}_inside").IPAddress}}}}'
        return docker("inspect", "--format", network, container)

    def readiness(self, name: str, role: str = "serve") -> dict[str, Any]:
        """What a process says of its readiness; empty while it does not answer."""
        try:
            answer: dict[str, Any] = self.management(name, role, "/readiness").json()
        except requests.RequestException:
            return {}
        return answer

    def ready(self, name: str, role: str = "serve") -> bool:
        return self.readiness(name, role).get("status") == "ready"

    def all_ready(self) -> bool:
        return all(self.ready(*part) for part in self.members())

    def kill(self, name: str, role: str = "serve") -> None:
        """Kills the processes of a part, and waits until others have taken their place.

        Not with ``docker kill``: for the engine that is somebody's wish that they be dead.
        """
        pids = [container["State"]["Pid"] for container in self.inspect(name, role)]
        _signal("KILL", pids)
        wait_until(lambda: self.pid(name, role) not in {*pids, 0}, timeout=30)

    def freeze(self, *names: Part) -> Callable[[], None]:
        """Stops processes where they are; returns what lets them go on.

        Not with ``docker pause``: on a busy machine the kernel gives up on that.
        """
        first = [int(c["State"]["Pid"]) for name in names for c in self.inspect(*name)]
        pids = [pid for each in first for pid in family(each)]
        _signal("STOP", pids)
        return lambda: _signal("CONT", pids)

    def control(self, verb: str, *names: Part) -> None:
        """Has the engine ``start``, ``stop`` or ``restart`` parts of the platform."""
        self.compose(verb, *(service for name in names for service in _services(*name)))

    def empty_redis(self) -> None:
        """Has Redis lose all that is in news; there is nobody who might do more."""
        password = _secret("redis-news-manager")
        with redis.Redis(
            host=self.address("redis"), username="news-manager", password=password
        ) as client:
            for key in client.scan_iter(count=1000):
                if not key.startswith(b"delinkcious-limits:"):
                    client.delete(key)

    def differences(self, since: datetime | None = None) -> list[str]:
        """What the stores say otherwise than one another; Redis knows nothing from before."""
        known = {
            role: make_conninfo(
                host=self.address(name),
                user="postgres",
                password=_secret(f"{name}-admin"),
                dbname=role,
            )
            for name, role in zip(_DATABASES, DATABASES, strict=True)
        }
        token = yaml.safe_load(_secret("mutual-auth-api-gateway.yaml"))["news-manager"]
        address = Address(self.address("news-manager"), _NEWS_PORT)
        with closing(GrpcClient("news-manager", address, token=token)) as client:
            return compare(known, NewsClient(client), since)

    def scale(self, **replicas: int) -> None:
        """Has so many containers of each service, by its name with ``_`` for ``-``."""
        wanted = {name.replace("_", "-"): number for name, number in replicas.items()}
        scales = [f"--scale={name}={number}" for name, number in wanted.items()]
        options = ["--detach", "--wait", "--no-recreate", "--no-deps"]
        self.compose("up", *options, *scales, *wanted, GATEWAY_PORTS=self._more_ports)


def _secret(name: str) -> str:
    return (ROOT / "docker/.secrets" / name).read_text().strip()


def _services(name: str, role: str) -> Iterable[str]:
    """What compose calls a part of the platform."""
    if name in _OF_A_SERVER:
        return _OF_A_SERVER[name]
    return [name if role in {"serve", ""} else f"{name}-{role}"]


def _part(service: str) -> Part:
    """What the tests call what compose calls so."""
    name, worker, _ = service.partition("-work")
    return name, "work" if worker else "serve"


def _signal(name: str, pids: Iterable[int]) -> None:
    """Sends a signal from outside, for inside a container nothing ends its first process."""
    options = ["--rm", "--pid=host", "--user=0", "--security-opt=apparmor=unconfined"]
    command = f"kill -{name} {' '.join(map(str, pids))} || true"  # one may have ended by itself
    docker("run", *options, _KILLER, "sh", "-c", command)
