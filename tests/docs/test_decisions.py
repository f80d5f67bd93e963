"""Each decision has a number of its own, and all are listed."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "adr"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def test_no_two_decisions_share_a_number() -> None:
    numbers = [int(path.name[:4]) for path in PAGES]
    assert numbers == list(range(1, len(PAGES) + 1))


def test_the_list_has_every_decision_in_its_order() -> None:
    listed = re.findall(
        r"^\| \[(\d+)\]\((.+)\) \|", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert listed == [(path.name[:4], path.name) for path in PAGES]


def test_every_decision_is_headed_by_its_number() -> None:
    wrong = [
        path.name for path in PAGES if not path.read_text().startswith(f"# {int(path.name[:4])}. ")
    ]
    assert wrong == []
