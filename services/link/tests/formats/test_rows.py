"""What becomes of the fields of a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument
from link_service.domain import normalize_url
from link_service.formats.rows import ImportedLink, RowError, make_row


def link(**fields: str) -> ImportedLink:
    row = make_row(7, **({"url": "http://a.example/"} | fields))  # type: ignore[arg-type]
    assert isinstance(row, ImportedLink)
    return row


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" \n http://a.example/ ", "http://a.example/"),
        ("http://a.example/long\n\tpath", "http://a.example/longpath"),
        ('http://a.example/?q=a b"<\\>', "http://a.example/?q=a%20b%22%3C%5C%3E"),
        ("http://a.example/?q=a|{b}^`", "http://a.example/?q=a|{b}^`"),
        ("http://a.example/%7C#é", "http://a.example/%7C#é"),
    ],
)
def test_urls_are_read_as_browsers_read_them(written: str, read: str) -> None:
    assert link(url=written).url == read
    assert normalize_url(read)


@pytest.mark.parametrize("url", ["", "  \n"])
def test_a_row_without_a_url_is_an_error_at_its_line(url: str) -> None:
    assert make_row(7, url=url) == RowError(7, "url: is missing")


@pytest.mark.parametrize("url", ["http://a\x00.example/x", "http://a.example/\ud800"])
def test_a_url_that_no_store_can_hold_is_an_error(url: str) -> None:
    assert isinstance(make_row(7, url=url), RowError)


def test_texts_are_made_such_as_a_store_can_hold() -> None:
    row = make_row(
        1, url="http://a.example/", title="a\x00b", description="\udfff", tags=["\ud800x"]
    )
    assert isinstance(row, ImportedLink)
    assert (row.title, row.description, row.tags) == ("a\ufffdb", "\ufffd", ("\ufffdx",))


def test_tags_stand_in_the_order_of_the_file_and_once() -> None:
    row = make_row(1, url="http://a.example/", tags=["b", " a ", "", "b"])
    assert isinstance(row, ImportedLink)
    assert row.tags == ("b", "a")


@pytest.mark.parametrize("field", ["created", "updated"])
def test_a_link_with_a_date_that_is_none_is_kept_without_it_and_remarked_on(field: str) -> None:
    row = link(**{field: "the day before " + "y" * 100})
    assert (row.created_at, row.updated_at) == (None, None)
    [remark] = row.remarks
    assert remark.startswith(f"{field}_at: 'the day before yyy")
    assert remark.endswith("…' is no date; the link was kept without it")


@given(st.text(st.characters(exclude_categories=()), max_size=100))
def test_no_url_makes_anything_but_a_row_that_the_rules_of_links_can_judge(text: str) -> None:
    row = make_row(1, url="http://a.example/" + text, title=text, description=text, tags=[text])
    if isinstance(row, ImportedLink):
        for stored in (row.url, row.title, row.description, *row.tags):
            stored.encode()
        try:
            normalize_url(row.url)
        except InvalidArgument:
            return
