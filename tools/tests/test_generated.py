from pathlib import Path

import pytest

from tools import generated

MODULE = "tools.page"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_it_writes_the_file(page: Path) -> None:
    page.write_text("before", encoding="utf-8")
    generated.main(page, "now: ü\n", MODULE, [])
    assert page.read_bytes() == "now: ü\n".encode()


def test_what_is_current_passes_the_check(page: Path) -> None:
    page.write_text("now", encoding="utf-8")
    generated.main(page, "now", MODULE, ["--check"])


@pytest.mark.parametrize("before", ["before", None])
def test_what_is_not_current_fails_the_check_and_stays(page: Path, before: str | None) -> None:
    if before is not None:
        page.write_text(before, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"page\.md is not current; run: python -m tools\.page"):
        generated.main(page, "now", MODULE, ["--check"])
    assert page.exists() == (before is not None)
    assert before is None or page.read_text(encoding="utf-8") == before
