"""The corpus (corpus.yaml), as values that can be put into requests."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_FILE: Final = Path(__file__).with_name("corpus.yaml")


@dataclass(frozen=True)
class Payload:
    """One of the values.

    Attributes:
        json: what stands for it in JSON, where that is not its text; ``...`` if nothing does.
    """

    kind: str
    raw: bytes
    json: Any = ...

    @property
    def text(self) -> str:
        """As text, in which bytes that are no UTF-8 are as Python keeps them."""
        return self.raw.decode(errors="surrogateescape")

    def __str__(self) -> str:
        shown = self.raw if len(self.raw) < 60 else self.raw[:57] + b"..."
        return f"{self.kind} {shown!r}"


@cache
def payloads() -> tuple[Payload, ...]:
    """Everything in the corpus."""
    kinds: dict[str, list[Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(_payload(kind, value) for kind, values in kinds.items() for value in values)


@cache
def one_of_each_kind(number: int) -> tuple[Payload, ...]:
    """One payload of every kind; the numbers from 0 on bring all of them, again and again."""
    kinds: dict[str, list[Payload]] = {}
    for payload in payloads():
        kinds.setdefault(payload.kind, []).append(payload)
    return tuple(of_kind[number % len(of_kind)] for of_kind in kinds.values())


def _payload(kind: str, value: Any) -> Payload:
    match value:
        case str():
            return Payload(kind, value.encode())
        case {"hex": digits}:
            return Payload(kind, bytes.fromhex(digits))
        case {"json": json}:
            return Payload(kind, b"", json)
        case {"repeat": text, "times": times, **rest}:
            return Payload(kind, (text * times + rest.get("then", "")).encode())
    raise ValueError(f"{value!r} is no payload")
