"""Whether this process can serve, and what it waits for.

A role registers what it depends on; `/readiness` asks. A dependency that is *required* makes the
process not ready while it is missing; the others are only reported, because a request that does not
need them is still served.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Check = Callable[[], None]
"""Returns when the dependency is there; raises, with a short reason, when it is not."""


class NotReady(Exception):
    """A dependency is not there; the message says why."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What `/readiness` reports of one dependency."""

    ok: bool
    required: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer of `/readiness`."""

    ready: bool
    reason: str
    dependencies: dict[str, Dependency]


_MAX_REASON: Final = 200


class Health:
    """The dependencies of a process, and whether it is draining."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._starting = True
        self._draining = False

    def add(self, name: str, check: Check, *, required: bool = True) -> None:
        """Registers a dependency. The check must answer within about a second."""
        self._checks[name] = (check, required)

    def started(self) -> None:
        """Says that the role accepts work: its port is open, or its consumers run."""
        self._starting = False

    def drain(self) -> None:
        """Says that the process is going: not ready from now on, whatever the dependencies."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is going."""
        return self._draining

    def readiness(self) -> Readiness:
        """Asks every dependency."""
        checks = list(self._checks.items())  # while they are asked, others may be registered
        found = {name: _ask(check, required) for name, (check, required) in checks}
        missing = [name for name, found_ in found.items() if found_.required and not found_.ok]
        if self._draining:
            reason = "draining: the process is stopping"
        elif self._starting:
            reason = "starting"
        else:
            reason = ", ".join(f"{name}: {found[name].detail}" for name in missing)
        return Readiness(ready=not reason, reason=reason, dependencies=found)


def _ask(check: Check, required: bool) -> Dependency:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        reason = " ".join(str(error).split()) or type(error).__name__
        return Dependency(ok=False, required=required, detail=reason[:_MAX_REASON])
    return Dependency(ok=True, required=required, detail="ok")
