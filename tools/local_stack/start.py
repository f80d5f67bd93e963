"""The start as a person sees it: what runs where, and that all of it can serve, or why not."""

import time
from collections.abc import Iterator, Mapping

from delinkcious.testing.embedded import EmbeddedNats
from tools.local_stack.console import Console, table
from tools.local_stack.environment import HOST
from tools.local_stack.readiness import Roll
from tools.local_stack.stack import Stack

PATIENCE = 60
"""Seconds after which a start that takes too long is explained, again and again."""

_HEADER = ("NAME", "ROLE", "ADDRESS", "MANAGEMENT", "PID")


class Start:
    """From the moment the services are started until all of them can serve."""

    def __init__(self, stack: Stack, console: Console, patience: float = PATIENCE) -> None:
        self._stack = stack
        self._console = console
        self._patience = patience
        self._roll = Roll(stack.services)
        self._began = self._explained = time.monotonic()
        self._shown = False

    def complete(self, pids: Mapping[str, int]) -> bool:
        """Whether the start is over; to be asked again and again until it is."""
        if not self._shown and all(program.key in pids for program in self._stack.services):
            self._show(pids)
        if self._shown and self._roll.complete():
            self._announce()
            return True
        if time.monotonic() - self._explained > self._patience:
            self._explain()
        return False

    def _show(self, pids: Mapping[str, int]) -> None:
        self._shown = True
        for line in table(_HEADER, list(_rows(self._stack, pids))):
            self._console.say(line)

    def _announce(self) -> None:
        gateway = self._stack.gateway
        live = self._stack.directory / "live"
        if live.is_dir():
            self._console.say(f"what may change while it runs is in {live}/<service>.yaml")
        self._console.say(
            f"Delinkcious is ready at {gateway} (log in at {gateway}/login; stop with Ctrl-C)"
        )
        self._console.release()

    def _explain(self) -> None:
        self._explained = time.monotonic()
        seconds = round(self._explained - self._began)
        for program, reason in self._roll.obstacles():
            self._console.say(f"after {seconds} s {program} cannot serve yet: {reason}")
        self._console.release()


def _rows(stack: Stack, pids: Mapping[str, int]) -> Iterator[tuple[object, ...]]:
    for server in stack.servers:
        monitoring = server.monitoring_port if isinstance(server, EmbeddedNats) else None
        pid = pids.get(server.name, "-")
        yield server.name, "server", _address(server.port), _address(monitoring), pid
    for program in stack.services:
        addresses = _address(program.port), _address(program.management_port)
        yield program.name, program.role, *addresses, pids.get(program.key, "-")


def _address(port: int | None) -> str:
    return f"{HOST}:{port}" if port else "-"
