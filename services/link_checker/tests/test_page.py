"""Titles of pages: by a check of a real web server, and of anything at all."""

import gzip
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delinkcious.object_model.links import MAX_TITLE_LENGTH
from link_checker.checker import Checker
from link_checker.domain import Finding, Outcome
from link_checker.page import Page, title_of

from .conftest import NewChecker
from .website import Then, Website, break_off, go_on_with, hold

MEBIBYTE = 1024 * 1024
IN_BUFFERS_AT_MOST = 16 * MEBIBYTE
TITLE = b"<!doctype html><head><title>Yes</title></head><body>hello"
OG_TITLE = b'<!doctype html><head><meta property="og:title" content="Yes"></head><body>hello'
JAPANESE = "日本語の表題"
FRENCH = "Déjà vu"


def titled(title: str, encoding: str, before: str = "", after: str = "") -> bytes:
    html = f"<!doctype html><html><head>{before}<title>{title}</title>{after}</head>"
    return html.encode(encoding)


def found(checker: Checker, url: str) -> str | None:
    """The title of a page that answers well."""
    finding = checker.check(url, title_wanted=True)
    assert (finding.outcome, finding.http_status) == (Outcome.OK, 200)
    return finding.title


META_SJIS = '<meta charset="shift_jis">'
CHARSETS = {
    "said by the server": ("text/html; charset=utf-8", titled(JAPANESE, "utf-8"), JAPANESE),
    "in quotes": ('text/html; charset="shift_jis"', titled(JAPANESE, "shift_jis"), JAPANESE),
    "said by the page": ("text/html", titled(JAPANESE, "shift_jis", META_SJIS), JAPANESE),
    "said after the title": (
        "text/html",
        titled(JAPANESE, "shift_jis", after=META_SJIS),
        JAPANESE,
    ),
    "said in the old way": (
        "text/html",
        titled(
            FRENCH, "mac-roman", '<meta http-equiv=content-type content="text/html; charset=mac">'
        ),
        FRENCH,
    ),
    "windows-1252": ("text/html; charset=iso-8859-1", titled("€ “a”", "cp1252"), "€ “a”"),
    "euc-jp": ("text/html; charset=euc-jp", titled(JAPANESE, "euc-jp"), JAPANESE),
    "iso-2022-jp": ("text/html; charset=iso-2022-jp", titled(JAPANESE, "iso2022-jp"), JAPANESE),
    "gbk": ("text/html; charset=gb2312", titled("中文 €", "gb18030"), "中文 €"),
    "euc-kr": ("text/html; charset=euc-kr", titled("똠방각하", "cp949"), "똠방각하"),
    "koi8-r": ("text/html; charset=koi8-r", titled("Привет", "koi8-r"), "Привет"),
    "not said, utf-8": ("text/html", titled(JAPANESE, "utf-8"), JAPANESE),
    "not said, windows-1252": ("text/html", titled(FRENCH, "cp1252"), FRENCH),
    "utf-8 with a mark": ("text/html", b"\xef\xbb\xbf" + titled(FRENCH, "utf-8"), FRENCH),
    "utf-16 with a mark": ("text/html", titled(JAPANESE, "utf-16"), JAPANESE),
    "utf-16, other order": (
        "text/html; charset=utf-8",
        b"\xfe\xff" + titled(JAPANESE, "utf-16-be"),
        JAPANESE,
    ),
    "utf-16 without": ("text/html; charset=utf-16le", titled(FRENCH, "utf-16-le"), FRENCH),
    "the mark knows better": (
        "text/html; charset=koi8-r",
        b"\xef\xbb\xbf" + titled(FRENCH, "utf-8"),
        FRENCH,
    ),
    "a wrong label": ("text/html; charset=utf-8", titled(FRENCH, "cp1252"), FRENCH),
    "a wrong label, a right page": (
        "text/html; charset=utf-8",
        titled(JAPANESE, "shift_jis", META_SJIS),
        JAPANESE,
    ),
    "a label of something else": ("text/html; charset=utf-16", titled(FRENCH, "utf-8"), FRENCH),
    "no label of anything": ("text/html; charset=klingon", titled(FRENCH, "utf-8"), FRENCH),
    "a label of no text": ("text/html; charset=zlib", titled(FRENCH, "utf-8"), FRENCH),
    "a label not for pages": ("text/html; charset=idna", titled(FRENCH, "utf-8"), FRENCH),
    "an error elsewhere": (
        "text/html; charset=utf-8",
        titled(JAPANESE, "utf-8") + b"\xff<p>\xff",
        JAPANESE,
    ),
    "readable in nothing": (
        "text/html; charset=utf-8",
        b"<title>caf\xc3\xa9 \xff\x81</title>",
        "café \ufffd\ufffd",
    ),
}


@pytest.mark.parametrize(("content_type", "body", "title"), CHARSETS.values(), ids=CHARSETS.keys())
def test_a_title_is_read_in_the_encoding_of_its_page(
    website: Website, checker: Checker, content_type: str, body: bytes, title: str
) -> None:
    assert found(checker, website.put(body, content_type)) == title


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (TITLE, "Yes"),
        (b"<title>Yes</title>", "Yes"),
        (b"", None),
        (b"<!doctype html><p>hello", None),
        (b"<title></title>", None),
        (b"<title> \r\n </title>", None),
        (b"<title>\x00</title>", "\ufffd"),
        (b"<title>Yes", None),
        (OG_TITLE, "Yes"),
        (b"<title></title>" + OG_TITLE, "Yes"),
        (OG_TITLE.replace(b"Yes", b"No").replace(b"</head>", b"<title>Yes</title>"), "Yes"),
        (b"<svg><title>No</title></svg><!-- <title>No</title> -->", None),
        (b"<script>'<title>No</title>'</script>" + TITLE, "Yes"),
        (b"<title>Tom &amp; J&eacute;r&ocirc;me &#x2014; &lt;b&gt;</title>", "Tom & Jérôme — <b>"),
        (b"<title>%s</title>" % (b"word " * 1000), ("word " * 100).strip() + "…"),
    ],
)
def test_the_title_is_found_if_there_is_one(
    website: Website, checker: Checker, body: bytes, title: str | None
) -> None:
    assert found(checker, website.put(body)) == title


@pytest.mark.parametrize(
    ("content_type", "title"),
    [
        ("text/html", "Yes"),
        ("application/xhtml+xml", "Yes"),
        (None, "Yes"),
        ("text/plain", None),
        ("application/json", None),
        ("image/svg+xml", None),
        ("application/octet-stream", None),
    ],
)
def test_only_html_has_a_title(
    website: Website, checker: Checker, content_type: str | None, title: str | None
) -> None:
    assert found(checker, website.put(TITLE, content_type)) == title


def test_what_is_no_html_is_not_transferred(website: Website, checker: Checker) -> None:
    url = website.put(b"", "video/mp4", then=go_on_with(b"x" * 16 * 1024))
    assert found(checker, url) is None
    assert website.bytes_sent < IN_BUFFERS_AT_MOST


def test_a_title_is_wanted_only_when_it_is_wanted(website: Website, checker: Checker) -> None:
    assert checker.check(website.put(TITLE)) == Finding(Outcome.OK, 200)


def test_a_page_whose_title_is_wanted_is_asked_for_once(website: Website, checker: Checker) -> None:
    page = website.put(TITLE)
    checker.check(page, title_wanted=True)
    checker.check(website.redirect(page), title_wanted=True)
    checker.check(website.url("/status/404"), title_wanted=True)
    assert [method for method, _ in website.requests] == ["GET"] * 4


def test_no_compression_is_asked_for(website: Website, checker: Checker) -> None:
    found(checker, website.put(TITLE))
    assert website.headers[0]["Accept-Encoding"] == "identity"


def test_the_title_is_that_of_the_last_page(website: Website, checker: Checker) -> None:
    assert found(checker, website.redirect(website.put(TITLE))) == "Yes"


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/status/404", Outcome.NOT_FOUND),
        ("/status/503", Outcome.BLOCKED),
        ("/loop", Outcome.TOO_MANY_REDIRECTS),
        ("/many-headers", Outcome.TOO_LARGE),
        ("/garbage", Outcome.BAD_RESPONSE),
        ("/reset", Outcome.BAD_RESPONSE),
    ],
)
def test_what_is_wrong_is_found_as_without_the_title(
    website: Website, checker: Checker, path: str, outcome: Outcome
) -> None:
    finding = checker.check(website.url(path), title_wanted=True)
    assert (finding.outcome, finding.title) == (outcome, None)


def test_a_server_that_says_nothing_is_a_timeout(website: Website, new_checker: NewChecker) -> None:
    finding = new_checker(timeout=0.3).check(website.url("/held"), title_wanted=True)
    assert finding == Finding(Outcome.TIMEOUT)


FILLER = b"<!-- %s -->" % (b"x" * 1000)
ENDINGS = [hold, break_off, go_on_with(FILLER)]


@pytest.mark.parametrize("then", ENDINGS)
def test_a_title_is_found_whatever_becomes_of_the_page(
    website: Website, new_checker: NewChecker, then: Then
) -> None:
    body = b'<meta charset="utf-8">' + FILLER + TITLE
    assert found(new_checker(timeout=5), website.put(body, then=then)) == "Yes"


@pytest.mark.parametrize("then", ENDINGS)
def test_a_page_whose_title_does_not_come_answers_all_the_same(
    website: Website, new_checker: NewChecker, then: Then
) -> None:
    url = website.put(b"<!doctype html><head><title>Half", then=then)
    assert found(new_checker(timeout=0.5), url) is None


def test_a_title_after_a_mebibyte_is_not_found(website: Website, checker: Checker) -> None:
    comments = FILLER * (MEBIBYTE // len(FILLER) + 1)
    assert found(checker, website.put(comments + TITLE)) is None


@pytest.mark.parametrize(("limit", "title"), [(1000, "Yes"), (999, None)])
def test_no_more_is_read_than_the_limit(
    website: Website, new_checker: NewChecker, limit: int, title: str | None
) -> None:
    body = b"<!doctype html>".ljust(1000 - 18) + b"<title>Yes</title>"
    url = website.put(body, then=go_on_with(FILLER))
    assert found(new_checker(max_page_bytes=limit), url) == title


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TITLE, mtime=0)),
        ("deflate", zlib.compress(TITLE)),
        ("identity", TITLE),
    ],
)
def test_a_page_that_is_compressed_unasked_is_read(
    website: Website, checker: Checker, coding: str, body: bytes
) -> None:
    assert found(checker, website.put(body, Content_Encoding=coding)) == "Yes"


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", b"no gzip"), ("gzip", gzip.compress(TITLE, mtime=0)[:20]), ("rot13", TITLE)],
)
def test_what_cannot_be_unpacked_has_no_title(
    website: Website, checker: Checker, coding: str, body: bytes
) -> None:
    assert found(checker, website.put(body, Content_Encoding=coding)) is None


def test_no_more_is_unpacked_than_the_limit(website: Website, checker: Checker) -> None:
    bomb = gzip.compress(b" " * 100 * MEBIBYTE + TITLE, compresslevel=1)
    assert found(checker, website.put(bomb, Content_Encoding="gzip")) is None


def test_what_unpacks_to_nothing_is_not_read_for_ever(website: Website, checker: Checker) -> None:
    nothing = b"\x00\x00\x00\xff\xff" * 4096  # empty blocks (RFC 1951, 3.2.4)
    url = website.put(gzip.compress(b"")[:10], then=go_on_with(nothing), Content_Encoding="gzip")
    assert found(checker, url) is None
    assert website.bytes_sent < IN_BUFFERS_AT_MOST


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_a_page_is_not_read_beyond_what_tells_its_title(size: int) -> None:
    with Page(MEBIBYTE) as page:
        wanted = [page.take(piece) for piece in pieces(TITLE + FILLER * 100, size)]
    read = (wanted.index(False) + 1) * size
    assert read < 1024 + size
    assert page.title == "Yes"


def test_a_page_without_a_title_is_read_for_one_in_its_body() -> None:
    """Some frameworks put it there."""
    with Page(MEBIBYTE) as page:
        assert page.take(b"<!doctype html><head></head><body>" + FILLER * 10)
        assert not page.take(b"<title>Yes</title>")
    assert page.title == "Yes"


def test_a_page_that_names_itself_in_its_head_is_not_read_further() -> None:
    with Page(MEBIBYTE) as page:
        assert page.take(FILLER * 2 + OG_TITLE.partition(b"</head>")[0])
        assert not page.take(b"</head>")
    assert page.title == "Yes"


def test_a_byte_order_mark_does_not_end_the_head() -> None:
    """Undecoded it looks like text, which would."""
    with Page(MEBIBYTE) as page:
        assert page.take(b"\xef\xbb\xbf" + OG_TITLE.partition(b"</head>")[0].replace(b"Yes", b"No"))
        assert page.take(FILLER * 2)
        assert not page.take(b"<title>Yes</title></head>")
    assert page.title == "Yes"


def test_nothing_is_kept_beyond_the_limit() -> None:
    with Page(10) as page:
        assert not page.take(TITLE)
    assert page.title is None


FRAGMENTS = [
    b"<title>", b"</title>", b"<TITLE ", b"<meta ", b" charset=", b" content=", b"utf-16", b"gbk",
    b" http-equiv=content-type", b'<meta property="og:title" content="', b'">', b">", b"<", b"&",
    b"&#", b";", b"<!--", b"-->", b"<svg>", b"</svg>", b"<script>", b"</script>", b"<body>",
    b"</head>", b"<![CDATA[", b"<?xml ", b"shift_jis", b"x-user-defined", b"replacement",
    b"iso-2022-jp", b"\x1b$B", b"\x1b(J", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf",
    b"\x00", b"x" * 600, b"\xcc\x81" * 300,
]  # fmt: skip
LABELS = st.none() | st.sampled_from(["utf-8", "utf-16", "gbk", "iso-2022-jp", "x-user-defined"])
MARKUP = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=30).map(b"".join)


@given(st.binary() | MARKUP | MARKUP.map(lambda html: b"<title>" + html + b"</title>"), LABELS)
@example(b"<title>\xd8\x00</title>", "utf-16")
@example(b"<title>\x80\xff</title>", "x-user-defined")
def test_any_bytes_have_a_title_that_can_be_shown_or_none(body: bytes, label: str | None) -> None:
    with Page(MEBIBYTE) as page:
        page.wants(f"text/html; charset={label}" if label else "text/html")
        for piece in pieces(body, 7):
            page.take(piece)
    for title in (page.title, title_of(body, label)):
        assert title is None or 0 < len(title) <= MAX_TITLE_LENGTH
        assert not title or all(c.isprintable() or c in "\u200c\u200d" for c in title)
