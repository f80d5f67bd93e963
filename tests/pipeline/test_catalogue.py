"""The catalogue of events is an AsyncAPI document, and says what the code says."""

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delinkcious.messaging.streams import DEAD_LETTERS, STREAMS, stream_of
from link_checker.domain import Finding, Outcome
from link_checker.events import checked
from tests.pipeline import catalogue, compatibility

SOURCES = [
    path
    for pattern in ("services/*/*/**/*.py", "shared/delinkcious/**/*.py")
    for path in catalogue.ROOT.glob(pattern)
    if "/tests/" not in path.as_posix() and "/testing/" not in path.as_posix()
]
DOMAINS = "|".join(stream.domain for stream in STREAMS if stream is not DEAD_LETTERS)
SUBJECT = re.compile(rf"({DOMAINS})(\.[a-z_]+)+")

Change = Callable[[dict[str, Any]], object]


def test_it_is_an_asyncapi_document() -> None:
    assert catalogue.mistakes_of_document() == []


def test_nothing_in_it_is_said_twice() -> None:
    """YAML's parsers take the last of two, and say nothing."""
    root: Any = yaml.compose(catalogue.DOCUMENT.read_text(encoding="utf-8"))
    assert list(repeated(root)) == []


def repeated(node: yaml.Node) -> Iterator[str]:
    """Yields the names that a mapping has more than once."""
    if isinstance(node, yaml.MappingNode):
        names = Counter(key.value for key, _ in node.value)
        yield from (name for name, number in names.items() if number > 1)
        for _, value in node.value:
            yield from repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from repeated(each)


def test_asyncapi_would_find_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**catalogue.document(), "operations": {"x": {"action": "shout"}}}
    monkeypatch.setattr(catalogue, "document", lambda: wrong)
    assert any("$.operations.x" in mistake for mistake in catalogue.mistakes_of_document())


def test_its_subjects_are_those_of_the_code() -> None:
    """Every constant that names a subject, wherever it stands."""
    assert {subject for path in SOURCES for subject in subjects_of(path)} == set(
        catalogue.messages()
    )


def subjects_of(path: Path) -> Iterator[str]:
    """Yields the subjects that a module's constants name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str) and SUBJECT.fullmatch(value):
                yield value


@pytest.mark.parametrize("subject", sorted(catalogue.messages()))
def test_every_subject_is_in_its_stream_and_is_the_events_type(subject: str) -> None:
    message = catalogue.messages()[subject]
    assert stream_of(subject).name == message["stream"]
    assert message["headers"]["properties"]["ce-type"]["const"] == subject


def test_every_subject_is_published_by_somebody() -> None:
    sent = {each.subject for each in catalogue.operations() if each.action == "send"}
    assert sent == set(catalogue.messages())


def test_its_outcomes_of_checks_are_those_that_the_checker_tells() -> None:
    told = {checked("u", Finding(outcome)).data["outcome"] for outcome in Outcome}
    schema = catalogue.messages()["links.checked"]["payload"]["properties"]["outcome"]
    assert set(schema["enum"]) == told


def test_the_page_about_events_has_every_subject_in_its_table() -> None:
    page = (catalogue.DOCUMENT.parent / "events.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    named = {cell for cell in table.split("`")[1::2] if SUBJECT.fullmatch(cell)}
    assert named == set(catalogue.messages())


# The rule for changes


def test_no_event_has_changed_so_that_a_consumer_would_break() -> None:
    assert compatibility.breaking(compatibility.baseline(), catalogue.messages()) == []


def test_what_the_next_change_is_compared_with_is_the_catalogue_of_today() -> None:
    """If this fails after fields or events were added: ``make record_events``."""
    assert compatibility.baseline() == catalogue.messages()


def payload(message: dict[str, Any]) -> dict[str, Any]:
    return message["payload"]["properties"]  # type: ignore[no-any-return]


BREAKING: dict[str, Change] = {
    "links.checked payload.outcome is gone": lambda m: payload(m).pop("outcome"),
    "links.checked payload.outcome: may be integer": lambda m: payload(m)["outcome"].update(
        type="integer"
    ),
    "links.checked payload.url: may be null or string": lambda m: payload(m)["url"].update(
        type=["string", "null"]
    ),
    "links.checked payload.url may be absent": lambda m: m["payload"]["required"].remove("url"),
    "links.checked payload.url: another minLength": lambda m: payload(m)["url"].pop("minLength"),
    "links.checked payload.checked_at: another pattern": lambda m: payload(m)["checked_at"].update(
        pattern="now"
    ),
    "links.checked headers.ce-id is gone": lambda m: m["headers"]["properties"].pop("ce-id"),
    "links.checked: another key": lambda m: m.update(key="nothing"),
    "links.checked: another stream": lambda m: m.update(stream="USERS"),
}
HARMLESS: dict[str, Change] = {
    "another field": lambda m: payload(m).update(retries={"type": "integer"}),
    "a field that is now always there": lambda m: m["payload"]["required"].append("retries"),
    "one that is never null any more": lambda m: payload(m)["title"].update(type="string"),
    "another outcome": lambda m: payload(m)["outcome"]["enum"].append("asleep"),
    "one outcome less": lambda m: payload(m)["outcome"]["enum"].remove("too_large"),
    "other words": lambda m: payload(m)["url"].update(description="the address"),
}


@pytest.fixture
def changed() -> dict[str, Any]:
    """A catalogue to change."""
    return copy.deepcopy(dict(catalogue.messages()))


@pytest.mark.parametrize("what", BREAKING)
def test_a_change_that_breaks_consumers_is_found(changed: dict[str, Any], what: str) -> None:
    BREAKING[what](changed["links.checked"])
    assert compatibility.breaking(catalogue.messages(), changed) == [what]


@pytest.mark.parametrize("what", HARMLESS)
def test_a_change_that_adds_or_promises_more_is_fine(changed: dict[str, Any], what: str) -> None:
    HARMLESS[what](changed["links.checked"])
    assert compatibility.breaking(catalogue.messages(), changed) == []


def test_an_event_that_is_gone_breaks_consumers_and_a_new_one_does_not(
    changed: dict[str, Any],
) -> None:
    changed["links.seen"] = changed.pop("links.checked")
    assert compatibility.breaking(catalogue.messages(), changed) == ["links.checked is gone"]


def test_a_set_of_values_that_is_not_said_to_grow_may_not_grow(changed: dict[str, Any]) -> None:
    link = payload(changed["links.added"])["link"]["properties"]
    link["visibility"]["enum"].append("friends")
    assert compatibility.breaking(catalogue.messages(), changed) == [
        "links.added payload.link.visibility: may be ['friends']"
    ]


def test_a_breaking_change_is_not_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    baseline = tmp_path / "events.json"
    monkeypatch.setattr(compatibility, "BASELINE", baseline)
    compatibility.main()
    recorded = baseline.read_text()
    monkeypatch.setattr(catalogue, "messages", dict)
    with pytest.raises(SystemExit, match=re.escape("links.added is gone")):
        compatibility.main()
    assert baseline.read_text() == recorded
