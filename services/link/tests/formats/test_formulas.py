"""Cells that a spreadsheet would compute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_service.formats.formulas import hide_formula, reveal_formula


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n-1", "＝1", "'=1"],  # noqa: RUF001
)
def test_a_cell_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(cell: str) -> None:
    assert hide_formula(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "a=1", "http://a.example/", "'tis", "2013-04-17"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert hide_formula(cell) == cell


@given(st.one_of(st.text(), st.text(alphabet="'=+-@ \t\ra")))
def test_hidden_formulas_can_be_revealed(cell: str) -> None:
    assert reveal_formula(hide_formula(cell)) == cell
