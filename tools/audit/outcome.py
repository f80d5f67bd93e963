"""What became of one part of the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """The worst last: it decides about the whole."""

    CLEAN = 0
    UNCHECKED = 1
    FOUND = 2


@dataclass(frozen=True)
class Report:
    """An outcome, and the lines for people that explain it."""

    outcome: Outcome
    lines: Sequence[str]
