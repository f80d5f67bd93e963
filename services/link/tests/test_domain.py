"""What a URL, a tag and a link may be."""

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import MAX_TAGS, MAX_TITLE_LENGTH, LinkChange, NewLink
from link_service.domain import (
    check_change,
    check_new_link,
    merge_tags,
    normalize_tag,
    normalize_tags,
    normalize_url,
    url_digest,
)

SAME = [
    ("http://a.example/?family=A|B", "http://a.example/?family=A%7CB"),
    ("http://a.example/{x}?^`#|", "http://a.example/%7Bx%7D?%5E%60"),
    ("HTTP://Example.COM/", "http://example.com"),
    ("http://example.com:80/a", "http://example.com/a"),
    ("https://example.com:443/a", "https://example.com/a"),
    ("http://example.com/a/./b/../c", "http://example.com/a/c"),
    ("http://example.com/../a", "http://example.com/a"),
    ("http://example.com/a/..", "http://example.com/"),
    ("http://example.com/a#part", "http://example.com/a"),
    ("http://example.com/a?utm_source=x&b=1&fbclid=y", "http://example.com/a?b=1"),
    ("http://example.com/?utm_source=x", "http://example.com/"),
    ("http://example.com/%7euser", "http://example.com/~user"),
    ("http://example.com/%c3%a9", "http://example.com/é"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ("http://example.com./a", "http://example.com/a"),
    ("http://example\u3002com\u3002/a", "http://example.com/a"),
    ("http://[2001:DB8::1]/", "http://[2001:db8::1]"),
]

DIFFERENT = [
    ("http://example.com/a", "https://example.com/a"),
    ("http://example.com/a", "http://example.com/A"),
    ("http://example.com/a", "http://example.com/a/"),
    ("http://example.com/a?b=1&c=2", "http://example.com/a?c=2&b=1"),
    ("http://example.com:8080/", "http://example.com/"),
    ("http://example.com/a%2Fb", "http://example.com/a/b"),
]

WRONG = [
    "",
    "example.com",
    "/a",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://example.com/",
    "http://",
    "http:///a",
    "http://:80/",
    "http://example.com:0/",
    "http://example.com:99999/",
    "http://example.com:x/",
    "http://user:secret@example.com/",
    "http://user@example.com/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\n",
    "http://example.com/\x00",
    "http://example.com/\ud800",
    "http://[::1/",
    "http://[zz]/",
    "http://-/",
    "http://a..b/",
    "http://example.com/<script>",
    "http://exam|ple.com/",
    "http://example.com/\\",
    'http://example.com/"',
    "http://" + "a" * 3000 + ".com/",
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_urls_that_lead_to_the_same_page_are_the_same(one: str, other: str) -> None:
    assert normalize_url(one) == normalize_url(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_urls_that_may_lead_elsewhere_differ(one: str, other: str) -> None:
    assert normalize_url(one) != normalize_url(other)


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_web_address_is_refused_with_the_name_of_the_field(url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        normalize_url(url)
    assert [violation.field for violation in caught.value.violations] == ["url"]


PIECES = [
    "http:", "HTTPS:", "//", "/", ".", "..", "?", "#", "&", "=", ";", "@", ":", ":80", ":0",
    "[", "]", "[::1]", "%", "%2f", "%2E", "%7E", "%c3%A9", "%252e", "a", "B", "b.example", "-", "_",
    "é", "ß", "İ", "日本", "🦊", "½", "\u0301", "\u200d", "\u00ad", "\u3002", "\uff0e", "\u0660",
    "xn--", "xn--a", "xn--bcher-kva", "utm_source=x", " ", "\n", "\\", "\ud800",
]  # fmt: skip
URLS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=[]), max_size=50),
)


@settings(max_examples=5 * settings().max_examples)
@given(URLS, st.sampled_from(["", "http://", "https://b.example/", "http://b.example"]))
def test_any_text_is_a_url_or_an_invalid_argument(text: str, beginning: str) -> None:
    try:
        normalized = normalize_url(beginning + text)
    except InvalidArgument as error:
        wrong = [violation.field for violation in error.violations]
    else:
        wrong = []
        assert normalized.isascii()
        assert normalize_url(normalized) == normalized
        assert len(url_digest(normalized)) == 32
    assert wrong in ([], ["url"])


COPIED = "|{}^`"
ESCAPED = str.maketrans({character: f"%{ord(character):02X}" for character in COPIED})


@given(
    st.lists(st.sampled_from([*COPIED, *PIECES]), max_size=12).map("".join),
    st.sampled_from(["http://b.example/", "http://b.example?", "http://b.example/?a="]),
)
def test_a_url_as_browsers_copy_it_is_the_one_that_is_escaped(text: str, beginning: str) -> None:
    def form(url: str) -> str | None:
        try:
            return normalize_url(url)
        except InvalidArgument:
            return None

    copied = beginning + text
    escaped = copied.translate(ESCAPED)
    assert form(copied) == form(escaped)


@pytest.mark.parametrize(
    ("given_tag", "stored"),
    [
        ("Python", "python"),
        ("  two   words ", "two words"),
        ("ﬁ", "fi"),
        ("İ", "i̇"),
        ("über", "über"),
        ("\ufeffa\u00adb\u200bc\u202e", "abc"),
        ("a\u200cb", "a\u200cb"),
        ("🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"),
    ],
)
def test_tags_are_compared_without_case_width_or_extra_spaces(given_tag: str, stored: str) -> None:
    assert normalize_tag(given_tag) == stored


@pytest.mark.parametrize("tag", ["", "   ", "\u200b", "a,b", "a\x00b", "a\nb", "x" * 65, "\ud800"])
def test_a_tag_that_is_none_is_refused(tag: str) -> None:
    with pytest.raises(InvalidArgument):
        normalize_tag(tag)


@given(st.text(max_size=80))
def test_normalising_a_tag_twice_changes_nothing(text: str) -> None:
    try:
        tag = normalize_tag(text)
    except InvalidArgument:
        return
    assert normalize_tag(tag) == tag


def test_an_error_of_a_tag_names_the_field_that_it_was_given_in() -> None:
    for wrong, field in (
        (lambda: check_new_link(NewLink("http://a.example", tags=("a,b",))), "tags"),
        (lambda: check_change(LinkChange("http://a.example", add_tags=("a,b",))), "add_tags"),
        (lambda: check_change(LinkChange("http://a.example", remove_tags=("",))), "remove_tags"),
        (lambda: normalize_tags([" "], "tag"), "tag"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            wrong()
        assert [violation.field for violation in caught.value.violations] == [field]


def test_tags_come_out_sorted_and_once() -> None:
    assert normalize_tags(["b", "A", "B "]) == ("a", "b")


def test_a_change_adds_and_removes_tags() -> None:
    assert merge_tags(["a", "b"], add=["c"], remove=["a", "z"]) == ("b", "c")


def test_a_tag_both_added_and_removed_is_there() -> None:
    assert merge_tags(["a"], add=["a"], remove=["a"]) == ("a",)


def test_a_link_has_no_more_tags_than_allowed() -> None:
    with pytest.raises(InvalidArgument):
        merge_tags([str(n) for n in range(MAX_TAGS)], add=["one more"], remove=[])
    with pytest.raises(InvalidArgument):
        check_new_link(NewLink("http://a.example", tags=tuple(str(n) for n in range(MAX_TAGS + 1))))


def test_an_overlong_title_and_description_are_both_named() -> None:
    long = "x" * 20_000
    for check in (
        lambda: check_new_link(NewLink("http://a.example", title=long, description=long)),
        lambda: check_change(LinkChange("http://a.example", title=long, description=long)),
    ):
        with pytest.raises(InvalidArgument) as caught:
            check()
        assert [v.field for v in caught.value.violations] == ["title", "description"]
    assert check_new_link(NewLink("http://a.example", title="x" * MAX_TITLE_LENGTH))


@given(st.text("abz019-.", min_size=1, max_size=15))
def test_plain_hosts_are_what_idna_makes_of_them(host: str) -> None:
    """They are not given to it, because it takes its time."""
    try:
        expected = idna.encode(host, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return
    assert normalize_url(f"http://{host}/") == f"http://{expected}/"
