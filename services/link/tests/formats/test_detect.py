"""Which format a file is in."""

import pytest

from delinkcious.object_model.imports import FileFormat
from link_service.formats import UnreadableFile, detect


@pytest.mark.parametrize(
    ("content_type", "filename", "start", "expected"),
    [
        ("text/html; charset=utf-8", "x.json", b"", FileFormat.HTML),
        ("application/json", None, b"", FileFormat.JSON),
        ("Text/CSV", None, b"", FileFormat.CSV),
        ("application/octet-stream", "Bookmarks.HTML", b"", FileFormat.HTML),
        ("application/vnd.ms-excel", "links.csv", b"", FileFormat.CSV),
        (None, "a/b.tsv", b"", FileFormat.CSV),
        ("application/x-www-form-urlencoded", None, b" <!DOCTYPE", FileFormat.HTML),
        ("text/plain", "export.txt", b'\xef\xbb\xbf\n[{"href"', FileFormat.JSON),
        (None, None, b'{"links"', FileFormat.JSON),
        (None, None, b"Title;URL;Tags\n", FileFormat.CSV),
        (None, None, '\ufeffurl\t"title"'.encode("utf-16-le"), FileFormat.CSV),
    ],
)
def test_the_type_counts_more_than_the_name_and_that_more_than_the_content(
    content_type: str | None, filename: str | None, start: bytes, expected: FileFormat
) -> None:
    assert detect(content_type, filename, start) is expected


@pytest.mark.parametrize("start", [b"", b"Hello", b"title,curl\n", b"a\nurl"])
def test_a_file_of_no_known_format_is_refused(start: bytes) -> None:
    with pytest.raises(UnreadableFile, match="neither HTML, JSON nor CSV"):
        detect(None, None, start)


def test_a_compressed_file_is_refused_whatever_it_is_called() -> None:
    with pytest.raises(UnreadableFile, match="gzip"):
        detect("text/html", "bookmarks.html", b"\x1f\x8b\x08")
