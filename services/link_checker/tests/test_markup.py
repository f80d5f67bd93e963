"""What is found in the markup of a page, and what is not taken for it."""

from time import process_time

import pytest

from link_checker.markup import Markup


def read(html: str, size: int | None = None) -> Markup:
    """Reads a page in pieces of a size."""
    data = html.encode()
    size = size or len(data) or 1
    with Markup("utf-8") as markup:
        for start in range(0, len(data), size):
            markup.feed(data[start : start + size])
    return markup


TITLES = {
    "upper case": "<TITLE LANG=en>Yes</TITLE >",
    "no head": "<!doctype html><title>Yes</title>",
    "after the head": "<head></head><title>Yes</title>",
    "in the body": "<body><p>no<div><title>Yes</title></div>",
    "the first of two": "<title>Yes</title><title>No</title>",
    "the first that is not blank": "<title></title><title> &nbsp; </title><title>Yes</title>",
    "a comment": "<!-- <title>No</title> --><title>Yes</title>",
    "a short comment": "<!--><title>Yes</title><!-- -->",
    "a comment ended oddly": "<!-- a --!><title>Yes</title>-->",
    "a comment in a comment": "<!-- a <!-- --><title>Yes</title>-->",
    "a bogus comment": "<?php No ?><title>Yes</title>",
    "CDATA": "<![CDATA[ No ]]><title>Yes</title>",
    "a script": "<script>write('<title>No</title>')</script><title>Yes</title>",
    "a script in a script": (
        "<script><!-- <script> '</script><title>No</title>' --></script><title>Yes</title>"
    ),
    "a style": "<style>p{content:'<title>No</title>'}</style><title>Yes</title>",
    "a text area": "<textarea><title>No</title></textarea><title>Yes</title>",
    "a frame": "<iframe><title>No</title></iframe><title>Yes</title>",
    "an attribute": '<meta content="<title>No</title>"><title>Yes</title>',
    "a drawing": "<svg><title>No</title><g><title>No</title></g></svg><title>Yes</title>",
    "a drawing in the head": "<head><svg><title>No</title></svg><title>Yes</title>",
    "a formula": "<math><title>No</title></math><title>Yes</title>",
    "a template": "<template><title>No</title></template><title>Yes</title>",
    "what is not shown": "<noscript><title>No</title></noscript><title>Yes</title>",
    "a name that begins so": "<titles>No</titles><title>Yes</title>",
}


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("html", TITLES.values(), ids=TITLES.keys())
def test_the_title_is_found_where_browsers_find_it(html: str, size: int | None) -> None:
    assert read(html, size).title == "Yes"


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27;", "a & b <c> \"d\" 'e'"),
        ("caf&eacute; &copy &hellip; &#8364; &#x1F600;", "café © … € 😀"),
        ("&#0;&#128;&#xD800;&#x110000;", "�€��"),
        ("&amp;amp; &unknown; &", "&amp; &unknown; &"),
        ("a <b>b</b> <!-- c -->", "a <b>b</b> <!-- c -->"),
        ("\n a \n\t b \n", "a b"),
    ],
)
@pytest.mark.parametrize("size", [None, 1])
def test_entities_are_decoded_and_tags_are_text(html: str, title: str, size: int | None) -> None:
    assert read(f"<title>{html}</title>", size).title == title


@pytest.mark.parametrize(
    "html",
    ["", "<p>", "<title></title>", "<title>\x01</title>", "<title>half", "<title>half</tit", "a"],
)
def test_there_is_no_title_before_its_end(html: str) -> None:
    assert read(html).title == ""


@pytest.mark.parametrize(
    ("html", "charset"),
    [
        ('<meta charset="utf-8">', "utf-8"),
        ("<META CHARSET=Shift_JIS />", "Shift_JIS"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=EUC-KR">', "euc-kr"),
        ('<meta content="text/html;charset=big5" HTTP-EQUIV=content-type>', "big5"),
        ("<meta charset=a><meta charset=b>", "a"),
        ("<meta charset>", ""),
        ('<meta name="description" content="charset=a">', None),
        ("<!-- <meta charset=a> -->", None),
        ("<script>'<meta charset=a>'</script>", None),
    ],
)
def test_the_charset_is_what_the_page_declares_first(html: str, charset: str | None) -> None:
    assert read(html).charset == charset


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ('<meta property="og:title" content=" A &amp;&#10;B ">', "A & B"),
        ('<meta content="A" property="OG:Title"><meta property="og:title" content="B">', "A"),
        ('<meta property="og:title"><meta property="og:title" content="B">', "B"),
        ('<meta property="og:site_name" content="A">', ""),
    ],
)
def test_what_the_page_calls_itself_elsewhere_is_noted_too(html: str, title: str) -> None:
    assert (read(html).title, read(html).og_title) == ("", title)


@pytest.mark.parametrize(
    ("html", "enough"),
    [
        ("<title>a</title>", False),
        ("<title>a</title></head>", True),
        ("<title>a</title><p>", True),
        ("<meta charset=a><title>a</title>", True),
        ("<title>a</title><meta charset=a>", True),
        ("<title></title></head>", False),
        ("<title>a", False),
        ("</head><p>", False),
        ('<meta property="og:title" content="a"><meta charset=a>', False),
        ('<meta property="og:title" content="a"></head>', True),
    ],
)
def test_it_is_enough_to_know_the_title_and_what_the_head_says(html: str, enough: bool) -> None:
    with Markup("utf-8") as markup:
        markup.feed(b"<!doctype html><head>" + html.encode())
        assert markup.is_enough is enough


SIZE = 256 * 1024
HEAVY = {
    "nesting": "<b>",
    "nesting, and ends that fit none": "<b>" * 4 + "</p>" * 4,
    "definitions": "<dl><dd>",
    "tables": "<table><td>",
    "drawings": "<svg>",
    "comments": "<!--",
    "brackets": "<",
    "entities": "&amp",
    "titles": "<title></title>",
    "metas": '<meta property="og:title" content="">',
}


@pytest.mark.parametrize("piece", HEAVY.values(), ids=HEAVY.keys())
def test_nothing_takes_long_to_read(piece: str) -> None:
    """With a tree, or without a limit to the depth, some of these take seconds."""
    started = process_time()
    read((piece * SIZE)[:SIZE], 16 * 1024)
    assert process_time() - started < 1


def test_a_tag_with_very_many_attributes_does_not_take_long_either() -> None:
    started = process_time()
    read("<p " + " ".join(f"a{n}" for n in range(SIZE // 8)) + ">")
    assert process_time() - started < 1
