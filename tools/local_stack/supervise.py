"""Supervisor, run inside this process: forks, restarts with backoff, stops in order, keeps logs.

It is the program of the package `supervisor` with three additions, all at its own seams (the
options object, through which it makes every system call, its events, its main loop): children end
with this process, each exit status is known, and an observer is told what happens (ADR-0003).
"""

import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from supervisor import events, poller
from supervisor.medusa import asyncore_25
from supervisor.options import ServerOptions, decode_wait_status
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

from delinkcious.testing.lifeline import die_with_parent
from tools.local_stack.backoff import Backoff

_HEARTBEAT = 0.2


class Observer(Protocol):
    """Is told what happens to the programs, by their names in the configuration."""

    def running(self, programs: "Programs") -> None:
        """The programs that start by themselves are about to."""

    def started(self, name: str, pid: int) -> None:
        """A process was started."""

    def ended(self, programs: "Programs", name: str, how: str, *, success: bool) -> None:
        """A process ended: `how` is its exit status or signal, in words."""

    def wrote(self, name: str, data: bytes) -> None:
        """A process wrote to its output."""

    def stopping(self) -> None:
        """All processes are now being stopped."""

    def beat(self) -> None:
        """A moment has passed: called several times a second."""


class Programs:
    """The programs of a configuration file, run until a signal says stop."""

    def __init__(self, configuration: Path, observer: Observer) -> None:
        self._options = _Options()
        self._options.realize(["-c", str(configuration)])
        self._options.first = True
        self._options.test = False
        self._supervisor = _Supervisor(self._options, observer, self)

    def run(self) -> None:
        """Start the programs that start by themselves; return when all have been stopped."""
        try:
            self._supervisor.main()
        except asyncore_25.ExitNow:
            pass  # how supervisor says that it is done
        finally:
            self._options.close_httpservers()
            self._options.close_logger()

    def start(self, names: Iterable[str]) -> None:
        """Start programs that do not start by themselves."""
        processes = self._supervisor.processes()
        for name in names:
            processes[name].spawn()

    def stop(self) -> None:
        """Stop everything, as a signal would."""
        self._options.mood = SupervisorStates.SHUTDOWN


class _Options(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    """Supervisor's access to the operating system."""

    def __init__(self) -> None:
        super().__init__()
        self.poller = _Poller(self)
        self.exits: dict[int, int] = {}
        self._end_with_us = die_with_parent(signal.SIGTERM)

    def setpgrp(self) -> None:
        """The first thing that a new child does."""
        super().setpgrp()
        self._end_with_us()

    def waitpid(self) -> tuple[int | None, int | None]:
        """Reap a child, and remember how it ended."""
        pid, status = super().waitpid()
        if pid:
            self.exits[pid] = status
        return pid, status


class _Poller(poller.Poller):  # type: ignore[misc]
    """Looks up more often than once a second: restarts and the start need not wait for that."""

    def poll(self, timeout: float) -> Any:
        return super().poll(min(timeout, _HEARTBEAT))


class _Supervisor(Supervisor):  # type: ignore[misc]
    """Supervisor's main loop, with an observer."""

    def __init__(self, options: _Options, observer: Observer, programs: Programs) -> None:
        super().__init__(options)
        self._observer = observer
        self._programs = programs
        self._pids: dict[str, int] = {}

    def processes(self) -> dict[str, Any]:
        return {
            process.config.name: process
            for group in self.process_groups.values()
            for process in group.processes.values()
        }

    def runforever(self) -> None:
        events.subscribe(events.ProcessLogEvent, self._on_output)
        backoff = Backoff()
        events.subscribe(events.ProcessStateExitedEvent, backoff.on_exit)
        events.subscribe(events.ProcessStateBackoffEvent, backoff.on_backoff)
        events.subscribe(events.SupervisorStoppingEvent, lambda _: self._observer.stopping())
        self._observer.running(self._programs)
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        super().tick(now)
        for name, process in self.processes().items():
            self._notice(name, process.pid)
        self._observer.beat()

    def _notice(self, name: str, pid: int) -> None:
        before, self._pids[name] = self._pids.get(name, 0), pid
        if before and before != pid:
            status = self.options.exits.pop(before, 0)
            _, how = decode_wait_status(status)
            self._observer.ended(self._programs, name, how, success=status == 0)
        if pid and before != pid:
            self._observer.started(name, pid)

    def _on_output(self, event: Any) -> None:
        self._observer.wrote(event.process.config.name, event.data)
