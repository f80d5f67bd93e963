"""The corpus of what a link must not lead our programs to: ``tests/outbound/corpus.yaml``."""

from pathlib import Path
from typing import Any, Final

import yaml

_CORPUS: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "outbound" / "corpus.yaml").read_text(encoding="utf-8")
)


def _all(groups: dict[str, list[str]]) -> list[str]:
    return [url for urls in groups.values() for url in urls]


REFUSED_WHEN_ADDED: Final = _all(_CORPUS["when_added"])
"""URLs that cannot be saved."""

REFUSED_WHEN_CHECKED: Final = _all(_CORPUS["when_checked"])
"""URLs that can be saved, and that no check asks for anything."""

ADDRESSES_OF_NAMES: Final[list[list[str]]] = _CORPUS["names"]
"""What a name resolves to at a time."""

LOCATIONS: Final[list[str]] = _CORPUS["locations"]
"""Where a redirect may say that it leads, without being URLs."""
