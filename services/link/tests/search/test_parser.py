"""What a query says."""

# ruff: noqa: RUF001  (people type all kinds of dashes and quotation marks)

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument, Violation
from delinkcious.object_model.links import LinkStatus, Visibility
from link_service.search import parse
from link_service.search.nodes import (
    After,
    And,
    Before,
    Field,
    HasStatus,
    HasVisibility,
    Node,
    Not,
    Or,
    Site,
    Tagged,
    Untagged,
    Words,
)
from link_service.search.parser import MAX_LENGTH, MAX_NESTING, MAX_TERMS

from .strategies import queries


def word(*words: str, prefix: bool = False, field: Field | None = None) -> Words:
    return Words(words, prefix, field)


A, B, C = word("a"), word("b"), word("c")

QUERIES: list[tuple[str, Node]] = [
    # Words
    ("a", A),
    ("  Á  ", A),
    ("a b", And((A, B))),
    ("a\u3000b\tc\n", And((A, B, C))),
    ("a-b", word("a", "b")),
    ("东京", word("东", "京")),
    ("a*", word("a", prefix=True)),
    ("a-b*", word("a", "b", prefix=True)),
    ("or", word("or")),
    ("ORa", word("ora")),
    ("and AND not", And((word("and"), word("and"), word("not")))),
    # Phrases
    ('"a B"', word("a", "b")),
    ('"a"b', And((A, B))),
    ('"a b"*', word("a", "b", prefix=True)),
    ('"OR"', word("or")),
    ('"-a (b:"', word("a", "b")),
    (r'"a \" b \\"', word("a", "b")),
    ("“a b”", word("a", "b")),
    ("„a b“", word("a", "b")),
    # Not, or, parentheses
    ("-a", Not(A)),
    ("a -b", And((A, Not(B)))),
    ("--a", A),
    ('-"a b"', Not(word("a", "b"))),
    ("-(a b)", Not(And((A, B)))),
    ("a OR b", Or((A, B))),
    ("a OR b OR c", Or((A, B, C))),
    ("a b OR c", Or((And((A, B)), C))),
    ("a (b OR c)", And((A, Or((B, C))))),
    ("a(b OR c)", And((A, Or((B, C))))),
    ("a (b c)", And((A, B, C))),
    ("a OR (b OR c)", Or((A, B, C))),
    ("((((a))))", A),
    ("(a)(b)", And((A, B))),
    # Tags
    ("#a", Tagged("a")),
    ("tag:A", Tagged("a")),
    ("TAG:a", Tagged("a")),
    ("#é", Tagged("é")),
    ('tag:"new  york"', Tagged("new york")),
    ('#"new york"', Tagged("new york")),
    ("#c++", Tagged("c++")),
    ("tag:f(x)", Tagged("f(x)")),
    ("tag:OR", Tagged("or")),
    ("tag:-a", Tagged("-a")),
    ("tag:a*", Tagged("a*")),
    ("##a", Tagged("#a")),
    ("#🎉", Tagged("🎉")),
    (r'#"a\"b\\"', Tagged('a"b\\')),
    ("-#a", Not(Tagged("a"))),
    ("untagged", Untagged()),
    ("Untagged", Untagged()),
    ("-untagged", Not(Untagged())),
    ('"untagged"', word("untagged")),
    ("untagged*", word("untagged", prefix=True)),
    # Texts by name
    ("title:a", word("a", field=Field.TITLE)),
    ('title:"a b"*', word("a", "b", prefix=True, field=Field.TITLE)),
    ("title:OR", word("or", field=Field.TITLE)),
    ("url:/a/%C3%A9", word("a", "e", field=Field.URL)),
    ("url:https://www.a.b/", word("a", "b", field=Field.URL)),
    ("title:100%25", word("100", "25", field=Field.TITLE)),
    # Sites
    ("site:Example.COM", Site("example.com")),
    ("site:https://example.com/", Site("example.com")),
    ("site:bücher.example", Site("xn--bcher-kva.example")),
    ("site:com", Site("com")),
    ("site:[2001:DB8::1]", Site("2001:db8::1")),
    # Status and visibility
    ("is:pending", HasStatus(LinkStatus.PENDING)),
    ("is:Valid", HasStatus(LinkStatus.VALID)),
    ("is:invalid", HasStatus(LinkStatus.INVALID)),
    ("is:public", HasVisibility(Visibility.PUBLIC)),
    ('is:"private"', HasVisibility(Visibility.PRIVATE)),
    # Dates
    ("before:2024", Before(datetime(2024, 1, 1, tzinfo=UTC))),
    ("after:2024-05", After(datetime(2024, 5, 1, tzinfo=UTC))),
    ("after:2024-02-29", After(datetime(2024, 2, 29, tzinfo=UTC))),
    ("after:2024-05-31T18:30:00Z", After(datetime(2024, 5, 31, 18, 30, tzinfo=UTC))),
    ("after:2024-05-31t18:30:00.5+02:00", After(datetime(2024, 5, 31, 16, 30, 0, 500000, UTC))),
    # What people paste
    ("https://example.com/a-b?c=%C3%A9", word("example", "com", "a", "b", "c", "e")),
    ("http://www.example.com", word("example", "com")),
    ("https://en.wikipedia.org/wiki/A_(b)", word("en", "wikipedia", "org", "wiki", "a", "b")),
    ("mailto:a@b.c", word("mailto", "a", "b", "c")),
    ('foo:"a"', And((word("foo"), A))),
    ("tags:a", word("tags", "a")),
    ("a - b | c", And((A, B, C))),
    ("a -- b – … & # * c", And((A, B, C))),
    ("print(a)", word("print", "a")),
    ("a (…) b", And((A, B))),
    ("\x00a\ud800b", word("a", "b")),
]

SOMETHING = 'a word, a "phrase" or a condition such as tag:news'
DATE = "a date such as 2024, 2024-05, 2024-05-31 or 2024-05-31T18:30:00Z"
TAG = "a tag of 1 to 64 characters, none of them a comma"
HOST = "a host such as example.com, without port and path"

WRONG = [
    ("", 1, SOMETHING),
    ("  ", 3, SOMETHING),
    ("()", 2, SOMETHING),
    ("a (", 4, SOMETHING),
    ("(a", 3, "a closing parenthesis"),
    ("(a OR b", 8, "a closing parenthesis"),
    ("a)", 2, "no closing parenthesis, as none is open"),
    ("a OR", 5, f"{SOMETHING} after OR"),
    ("a OR OR b", 6, f"{SOMETHING} after OR"),
    ("a OR)", 5, f"{SOMETHING} after OR"),
    ("OR a", 1, f"{SOMETHING} before OR"),
    ("(OR a)", 2, f"{SOMETHING} before OR"),
    ("OR", 1, f"{SOMETHING} before OR"),
    ("a -)", 4, f"{SOMETHING} after -"),
    ("-OR", 2, f"{SOMETHING} after -"),
    ('a "b c', 3, "a second quotation mark to close this one"),
    ('5" disk', 2, "a second quotation mark to close this one"),
    ('"a\\"', 1, "a second quotation mark to close this one"),
    ('tag:"a', 5, "a second quotation mark to close this one"),
    ("“a", 1, "a second quotation mark to close this one"),
    ("…", 1, "letters or digits"),
    ("- … –", 1, "letters or digits"),
    ('""', 1, "letters or digits"),
    ('a "!"', 3, "letters or digits"),
    ("-🎉", 2, "letters or digits"),
    ("a OR &", 6, "letters or digits"),
    ("a -(…)", 5, "letters or digits"),
    ("title:!", 7, "letters or digits"),
    ("title:", 7, 'a word or a "phrase" right after title:'),
    ("(url:)", 6, 'a word or a "phrase" right after url:'),
    ("title: a", 7, 'a word or a "phrase" right after title:'),
    ("a tag: b", 7, f"{TAG} right after tag:"),
    ("tag:", 5, f"{TAG} right after tag:"),
    ("#a,b", 2, TAG),
    ('tag:""', 5, TAG),
    ("#" + "x" * 65, 2, TAG),
    ("is:", 4, "pending, valid, invalid, public or private right after is:"),
    ("a is:broken", 6, "pending, valid, invalid, public or private"),
    ("is:valid*", 4, "pending, valid, invalid, public or private"),
    ("site:a/b", 6, HOST),
    ("site:a:8080", 6, HOST),
    ("site:a?b", 6, HOST),
    ("site:a#b", 6, HOST),
    ("site:.com", 6, HOST),
    ("site:*.example.com", 6, HOST),
    ("site:ftp://a/", 6, HOST),
    ("before:", 8, f"{DATE} right after before:"),
    ("before:yesterday", 8, DATE),
    ("before:2024-13", 8, DATE),
    ("before:2023-02-29", 8, DATE),
    ("before:24", 8, DATE),
    ("before:0000", 8, DATE),
    ("before:٢٠٢٤", 8, DATE),
    ("after:2024-05-31T18:30:00", 7, DATE),
    ("after:2024-05-31T25:00:00Z", 7, DATE),
    ("after:0001-01-01T00:00:00+02:00", 7, DATE),
    ("after:9999-12-31T23:59:59-02:00", 7, DATE),
]


@pytest.mark.parametrize(("q", "node"), QUERIES)
def test_a_query_says(q: str, node: Node) -> None:
    assert parse(q) == node


@pytest.mark.parametrize(("q", "position", "expected"), WRONG)
def test_an_error_says_where_it_is_and_what_was_expected(
    q: str, position: int, expected: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(q)
    detail = f"at position {position}: expected {expected}"
    assert caught.value.violations == (Violation("q", detail),)


def test_positions_are_of_characters() -> None:
    with pytest.raises(InvalidArgument, match="at position 7:"):
        parse("🎉 é (a")


@pytest.mark.parametrize(
    ("longest", "limit"),
    [
        ("x" * MAX_LENGTH, f"at most {MAX_LENGTH} characters"),
        (" ".join(["x"] * MAX_TERMS), f"at most {MAX_TERMS} words and conditions"),
        ('"' + "x " * 400 + '"', f"at most {MAX_LENGTH} characters"),
    ],
)
def test_a_query_has_limits(longest: str, limit: str) -> None:
    parse(longest)
    with pytest.raises(InvalidArgument, match=limit):
        parse(f"{longest} {longest}")


def nested(levels: int) -> str:
    """Parentheses of which none can be left out."""
    q = "a"
    for level in range(levels):
        q = f"({q} OR b)" if level % 2 else f"({q} c)"
    return q


def test_parentheses_are_nested_only_so_deep() -> None:
    parse(nested(MAX_NESTING))
    with pytest.raises(InvalidArgument, match="at position 1: expected at most 20 levels"):
        parse(nested(MAX_NESTING + 1))


def test_parentheses_without_a_meaning_do_not_count() -> None:
    assert parse("(" * 400 + "a" + ")" * 400) == A
    assert parse("-(" * 300 + "a" + ")" * 300) == A


SIGNS = [*'()"“”-*#:,/\\…\x00\ud800', *" " * 8]
NAMES = ["tag:", "title:", "url:", "is:", "site:", "before:", "after:", "OR", "untagged"]
VALUES = [
    "a",
    "é",
    "東",
    "https://a.b",
    "2024",
    "2024-05",
    "2024-99",
    "valid",
    "%C3",
    "[::1]",
    "xn--",
]
FRAGMENTS = st.lists(st.sampled_from(SIGNS + NAMES + VALUES), max_size=30).map("".join)


@given(st.text() | FRAGMENTS)
def test_any_text_is_a_query_or_an_invalid_argument_with_a_position(text: str) -> None:
    try:
        parse(text)
    except InvalidArgument as error:
        (violation,) = error.violations
        assert violation.field == "q"
        position = int(violation.detail.removeprefix("at position ").partition(":")[0])
        assert 1 <= position <= len(text) + 1


@pytest.mark.parametrize("sign", ["(", ")", '"', "-", "#", "*", "a(", "(a OR ", "tag:", "\\", "-("])
def test_as_much_of_one_sign_as_fits_is_no_problem(sign: str) -> None:
    with contextlib.suppress(InvalidArgument):
        parse((sign * MAX_LENGTH)[:MAX_LENGTH])


def written(node: Node) -> str:  # noqa: C901
    """A query that says what a tree means."""
    match node:
        case And(parts):
            return " ".join(f"({written(p)})" if isinstance(p, Or) else written(p) for p in parts)
        case Or(parts):
            return " OR ".join(map(written, parts))
        case Not(part):
            return f"-({written(part)})"
        case Words(words, prefix, field):
            name = f"{field.name.lower()}:" if field else ""
            return f'{name}"{" ".join(words)}"{"*" if prefix else ""}'
        case Tagged(name):
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            return f'tag:"{escaped}"'
        case Untagged():
            return "untagged"
        case Site(host):
            return f"site:{host}"
        case HasStatus(value) | HasVisibility(value):
            return f"is:{value}"
        case Before(moment):
            return f"before:{moment.isoformat()}"
        case After(moment):
            return f"after:{moment.isoformat()}"


@given(queries)
def test_what_is_written_is_read_again(node: Node) -> None:
    q = written(node)
    if len(q) <= MAX_LENGTH:
        assert parse(q) == node
