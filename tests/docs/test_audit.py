"""The page and the catalogue know every action of the audit trail."""

from delinkcious.audit import RECORDED, Action, Outcome
from tests.pipeline import catalogue


def test_the_page_has_every_action_in_its_table() -> None:
    page = (catalogue.DOCUMENT.parent / "audit.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in row.split("|")[1].split("`")[1::2]}
    assert set(Action) <= named


def test_the_catalogue_has_every_action_and_outcome() -> None:
    fields = catalogue.messages()[RECORDED]["payload"]["properties"]
    assert set(fields["action"]["enum"]) == set(Action)
    assert set(fields["outcome"]["enum"]) == set(Outcome)
