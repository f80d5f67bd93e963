"""Ask a process of the stack whether it can serve, and if not, why."""

import http.client
import json
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Iterator

from tools.local_stack.stack import Program

_TIMEOUT = 1


def obstacle(program: Program) -> str | None:
    """What keeps the program from serving; None when nothing does."""
    try:
        with urllib.request.urlopen(program.readiness_url, timeout=_TIMEOUT):  # noqa: S310
            return None
    except urllib.error.HTTPError as answer:
        with answer:
            return _reasons(answer.read()) or f"answers {answer.code}"
    except (OSError, http.client.HTTPException):
        return f"does not answer at {program.readiness_url}"


def _reasons(body: bytes) -> str:
    """The dependencies that it lacks, from the body of `/readiness`."""
    try:
        dependencies = json.loads(body)["dependencies"].items()
        missing = [f"{name}: {is_['detail']}" for name, is_ in dependencies if not is_["ok"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return "; ".join(missing)


class Roll:
    """Calls the roll until all programs have answered in one round that they can serve."""

    def __init__(self, programs: Iterable[Program]) -> None:
        self._programs = deque(programs)

    def complete(self) -> bool:
        """Whether all can serve; the one that cannot is asked first the next time."""
        for _ in range(len(self._programs)):
            if obstacle(self._programs[0]):
                return False
            self._programs.rotate(-1)
        return True

    def obstacles(self) -> Iterator[tuple[Program, str]]:
        """Who cannot serve, and why."""
        for program in self._programs:
            if reason := obstacle(program):
                yield program, reason
