"""For what is made once, over what each test has of its own."""

from typing import Any


class Current:
    """Passes on to whoever is behind it now."""

    def __init__(self) -> None:
        self._is: Any = None

    def put(self, now: object) -> None:
        """Puts somebody behind it."""
        self._is = now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._is, name)
