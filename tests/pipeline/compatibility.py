"""The rule for changing an event, as code: whoever could read the old one can read the new one.

``python -m tests.pipeline.compatibility`` writes down the catalogue as it is, unless that would
break the rule; what is written down is what the catalogue is compared with from then on.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.pipeline import catalogue

BASELINE: Final = Path(__file__).with_name("events.json")

_PROSE: Final = frozenset({"description", "title", "examples", "$comment"})
_ANY_TYPE: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
_COMPARED: Final = frozenset({"type", "properties", "required", "enum", "items", "x-extensible"})

Json = dict[str, Any]


def baseline() -> Json:
    """Returns the events as they were written down last."""
    return dict(json.loads(BASELINE.read_text(encoding="utf-8")))


def breaking(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """Returns what in the new events would break a consumer of the old ones."""
    return list(_breaking(old, new))


def _breaking(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for subject, message in old.items():
        if subject not in new:
            yield f"{subject} is gone"
            continue
        for name in ("stream", "key"):
            if message[name] != new[subject][name]:
                yield f"{subject}: another {name}"
        for part in ("headers", "payload"):
            yield from _of_schema(f"{subject} {part}", message[part], new[subject][part])


def _of_schema(where: str, old: Json, new: Json) -> Iterator[str]:
    if not _types(new) <= _types(old):
        yield f"{where}: may be {' or '.join(sorted(_types(new)))}"
    yield from _of_fields(where, old, new)
    yield from _of_values(where, old, new)
    if "items" in old:
        yield from _of_schema(f"{where}[]", old["items"], new.get("items", {}))
    for keyword in sorted((set(old) | set(new)) - _PROSE - _COMPARED):
        if keyword in old and old[keyword] != new.get(keyword):
            yield f"{where}: another {keyword}"


def _of_fields(where: str, old: Json, new: Json) -> Iterator[str]:
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}.{name} is gone"
        else:
            yield from _of_schema(f"{where}.{name}", schema, new["properties"][name])
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{where}.{name} may be absent"


def _of_values(where: str, old: Json, new: Json) -> Iterator[str]:
    if "enum" not in old:
        return
    added = [value for value in new.get("enum", ["anything"]) if value not in old["enum"]]
    if added and not old.get("x-extensible"):
        yield f"{where}: may be {added}"


def _types(schema: Json) -> frozenset[str]:
    """Returns the types that a value may have; without a type, any."""
    given = schema.get("type", _ANY_TYPE)
    return frozenset([given] if isinstance(given, str) else given)


def main() -> None:
    """Writes down the catalogue."""
    if BASELINE.exists() and (problems := breaking(baseline(), catalogue.messages())):
        sys.exit("\n".join(["This would break consumers:", *problems]))
    text = json.dumps(catalogue.messages(), indent=2, sort_keys=True)
    BASELINE.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
