"""Cells that a spreadsheet would take for a formula, in the CSV that we write.

Titles and descriptions come from web pages and from other people. A spreadsheet computes a cell
that begins with ``=`` and its like, and what it computes may send the other cells away (OWASP, "CSV
injection"). Such cells get an apostrophe before them, which makes them text; reading our own file
takes it away. It protects whoever opens the file as the table of commas that it is.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_HIDDEN: Final = re.compile(r"'+\s*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001


def hide_formula(cell: str) -> str:
    """Returns a cell that no spreadsheet computes; one more apostrophe where there are some."""
    return "'" + cell if _FORMULA.match(cell) else cell


def reveal_formula(cell: str) -> str:
    """Returns what was given to `hide_formula`."""
    return cell[1:] if _HIDDEN.match(cell) else cell
