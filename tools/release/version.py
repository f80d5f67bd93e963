"""Versions of services: MAJOR.MINOR.PATCH of Semantic Versioning 2.0."""

import re
from dataclasses import dataclass
from typing import Final, Self

PARTS: Final = ("major", "minor", "patch")

_FORM: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A released version: no pre-release, no build."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a version.

        Raises:
            ValueError: it is none.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text.strip()!r} is not MAJOR.MINOR.PATCH")
        return cls(*map(int, found.groups()))

    def raised(self, part: str) -> "Version":
        """Returns the next version that raises a part; the parts behind it begin anew."""
        match part:
            case "major":
                return Version(self.major + 1, 0, 0)
            case "minor":
                return Version(self.major, self.minor + 1, 0)
            case "patch":
                return Version(self.major, self.minor, self.patch + 1)
        raise ValueError(f"{part!r} is none of {', '.join(PARTS)}")

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"
