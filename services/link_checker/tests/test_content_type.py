"""How content types are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_checker.content_type import ContentType


@pytest.mark.parametrize(
    ("header", "is_html", "charset"),
    [
        ("text/html", True, None),
        ("Text/HTML; Charset=UTF-8", True, "utf-8"),
        ('text/html;charset="Shift_JIS"; x=y', True, "shift_jis"),
        ("application/xhtml+xml", True, None),
        ("", True, None),
        ("text/plain; charset=utf-8", False, "utf-8"),
        ("application/pdf", False, None),
        ("image/svg+xml", False, None),
        ("nonsense", False, None),
    ],
)
def test_a_content_type_tells_html_and_the_charset(
    header: str, is_html: bool, charset: str | None
) -> None:
    parsed = ContentType.parse(header)
    assert (parsed.is_html, parsed.charset) == (is_html, charset)


@given(st.text() | st.text().map("text/html; charset={}".format))
def test_any_text_can_be_read_as_one(header: str) -> None:
    ContentType.parse(header)
