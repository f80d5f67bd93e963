"""The user store in memory: the double of `user_service.postgres` for tests.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

from user_service.memory.store import InMemoryUserStore

__all__ = ["InMemoryUserStore"]
