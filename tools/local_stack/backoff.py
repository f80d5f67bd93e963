"""How long supervisor waits before it starts a program again.

By itself it waits only for a program that ends within `startsecs`, one second here. But a service
may take longer than that to find out that it cannot start, and would be restarted in a tight loop.
"""

import time
from typing import Any

from supervisor.states import ProcessStates

STEADY = 30
"""Seconds after which the end of a program has nothing to do with its start."""

LONGEST = 10
"""Seconds to wait at most."""


class Backoff:
    """A program that ends soon starts again at once, then after 1, 2, 3 … seconds."""

    def __init__(self) -> None:
        self._attempts: dict[str, int] = {}

    def on_exit(self, event: Any) -> None:
        """A program ended by itself: supervisor would start it at once."""
        process = event.process
        name = process.config.name
        if time.time() - process.laststart > STEADY:
            self._attempts.pop(name, None)
        elif name in self._attempts and process.config.autorestart:
            process.change_state(ProcessStates.BACKOFF)
        else:
            self._attempts[name] = 0

    def on_backoff(self, event: Any) -> None:
        """A program is to wait: say how long."""
        name = event.process.config.name
        attempts = self._attempts[name] = self._attempts.get(name, 0) + 1
        event.process.delay = time.time() + min(attempts, LONGEST)
