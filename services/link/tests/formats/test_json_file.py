"""Pinboard's JSON and our own."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from delinkcious.object_model.imports import FileFormat
from delinkcious.object_model.links import Visibility
from link_service.formats import ImportedLink, Row, RowError, UnreadableFile, read
from link_service.formats.rows import MAX_ROW_LENGTH

SAMPLES = Path(__file__).parent / "samples"
MOMENT = datetime(2013, 4, 17, 17, 47, 12, tzinfo=UTC)


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def rows(text: str | bytes) -> list[Row]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(FileFormat.JSON, [data], folders_as_tags=False))


def urls(text: str) -> list[str]:
    """The URL of each link, and of each error the line."""
    return [row.url if isinstance(row, ImportedLink) else str(row.line) for row in rows(text)]


def test_pinboard() -> None:
    assert rows(sample("pinboard.json")) == [
        ImportedLink(
            1,
            "http://a.example/",
            "A é",
            'Of "A"\nand more',
            ("x", "two", "toread"),
            Visibility.PRIVATE,
            MOMENT,
        ),
        ImportedLink(2, "http://b.example/", visibility=Visibility.PUBLIC, created_at=MOMENT),
    ]


def test_our_own() -> None:
    assert rows(sample("ours.json")) == [
        ImportedLink(
            2,
            "http://a.example/",
            "A",
            "Of A",
            ("two words", "x"),
            Visibility.PRIVATE,
            MOMENT.replace(microsecond=1),
            MOMENT.replace(second=13),
        ),
        ImportedLink(3, "http://b.example/"),
    ]


@pytest.mark.parametrize("text", ["[]", ' {"links" : [ ] }', '{"a":{"links":1},"links":[],"b":2}'])
def test_a_collection_may_be_empty(text: str) -> None:
    assert rows(text) == []


@pytest.mark.parametrize("shared", ["false", '"no"', '"0"'])
def test_what_pinboard_does_not_share_is_private(shared: str) -> None:
    [found] = rows(f'[{{"href":"x","shared":{shared}}}]')
    assert isinstance(found, ImportedLink)
    assert found.visibility is Visibility.PRIVATE


def test_times_and_tags_may_have_another_form() -> None:
    [found] = rows('[{"url":"x","created_at":1366220832,"tags":"a b, c"}]')
    assert found == ImportedLink(1, "x", tags=("a b", "c"), created_at=MOMENT)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("3", "is not an object"),
        ("[]", "is not an object"),
        ("{}", "url: is missing"),
        ('{"url":["x"]}', "url: must be a string"),
        ('{"url":"x","title":{}}', "title: must be a string"),
        ('{"url":"x","tags":[1]}', "tags: must be a string"),
        ('{"url":"x\\ud800"}', "url: has the character NUL or half a character"),
    ],
)
def test_what_is_no_link_is_an_error_and_the_others_are_read(value: str, detail: str) -> None:
    assert rows(f'[{value},\n{{"url":"y"}}]') == [RowError(1, detail), ImportedLink(2, "y")]


@pytest.mark.parametrize(
    "broken",
    [
        '{"url":"x","title":"he said "hi""}',
        '{"url":"x","title":"\\x"}',
        '{"url":"x" "title":"y"}',
        '{"url":"x",}',
        '{"url":tru}',
        "{'url':'x'}",
        '{"url":"x","more":[{"a":1},{"b":2}],"c":tru}',
    ],
)
def test_a_link_that_is_no_json_costs_only_itself(broken: str) -> None:
    assert urls(f'[{{"url":"a"}},\n{broken},\n{{"url":"b"}}]') == ["a", "2", "b"]


def test_control_characters_and_wrong_bytes_in_strings_are_no_matter() -> None:
    [found] = rows(b'[{"url":"x","title":"a\tb\nc\x01\xe9"}]')
    assert isinstance(found, ImportedLink)
    assert found.title == "a\tb\nc\x01é"


def test_a_link_longer_than_a_row_is_an_error_and_the_others_are_read() -> None:
    long = "x" * MAX_ROW_LENGTH * 3
    assert urls(f'[{{"url":"a"}},\n{{"url":"{long}"}},\n{{"url":"b"}}]') == ["a", "2", "b"]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [('[{"url":"a"},\n{"url":"b', ["a", "2"]), ('[{"url":"a"},\n', ["a", "2"]), ("[", ["1"])],
)
def test_a_list_that_was_cut_off_is_an_error_at_its_end(cut: str, expected: list[str]) -> None:
    assert urls(cut) == expected


def test_long_numbers_are_numbers() -> None:
    [found] = rows('[{"url":"x","id":' + "9" * 10_000 + "}]")
    assert found == ImportedLink(1, "x")


@pytest.mark.parametrize(
    "text", ["", "  ", "3", '"links"', "{}", '{"link":[]}', '{"links":3}', "<"]
)
def test_what_is_no_list_of_links_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableFile, match="neither a list of bookmarks"):
        rows(text)


def test_a_file_that_is_nested_deeply_before_its_list_is_unreadable() -> None:
    with pytest.raises(UnreadableFile, match="nested"):
        rows('{"a":' + "[" * 100_000)


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000])
def test_a_link_that_is_nested_deeply_is_an_error_and_the_others_are_read(value: str) -> None:
    first, *others = rows(f'[{{"href":{value}}},{{"href":"http://a.example/"}}]')
    assert first == RowError(1, "is nested too deeply for a link")
    assert others == [ImportedLink(1, "http://a.example/")]
