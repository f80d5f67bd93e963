"""URLs as they go to libcurl."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument
from link_checker.urls import ForbiddenUrl, WebUrl


@pytest.mark.parametrize(
    ("given_url", "sent"),
    [
        ("http://example.com", "http://example.com/"),
        ("http://example.com/a?b=c#part", "http://example.com/a?b=c"),
        ("http://example.com/a/../b", "http://example.com/b"),
        ("http://example.com/a b", "http://example.com/a%20b"),
        ("http://example.com/é?ü", "http://example.com/%c3%a9?%c3%bc"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://a_b.example/", "http://a_b.example/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        (b"http://example.com/\xff", "http://example.com/%ff"),
    ],
)
def test_a_url_is_sent_in_ascii(given_url: str | bytes, sent: str) -> None:
    assert WebUrl.parse(given_url).text.lower() == sent


@pytest.mark.parametrize(
    "given_url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://%31%32%37.0.0.1/",
    ],
)
def test_an_address_in_disguise_is_seen_through(given_url: str) -> None:
    assert WebUrl.parse(given_url).host == "127.0.0.1"


@pytest.mark.parametrize(
    "given_url",
    [
        "",
        "example.com",
        "//example.com/",
        "/a",
        "http://",
        "http://:80/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://a\x00b/",
        "http://[::1/",
        "http://[zz]/",
        "http://\ud800/",
        b"http://\xff\xfe/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_url_is_refused_with_the_name_of_the_field(given_url: str | bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        WebUrl.parse(given_url)
    assert [violation.field for violation in caught.value.violations] == ["url"]


@pytest.mark.parametrize(
    "given_url",
    [
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com:6379/_FLUSHALL",
        "dict://example.com/",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http://example.com\\@127.0.0.1/",
    ],
)
def test_other_schemes_and_passwords_are_forbidden(given_url: str) -> None:
    with pytest.raises(ForbiddenUrl):
        WebUrl.parse(given_url)


PAGE = WebUrl.parse("https://example.com:8443/a/b?c=d")


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        (b"/x", "https://example.com:8443/x"),
        (b"x?y=z#part", "https://example.com:8443/a/x?y=z"),
        (b"../../x", "https://example.com:8443/x"),
        (b"?y", "https://example.com:8443/a/b?y"),
        (b"//other.example/", "https://other.example/"),
        (b"http://other.example", "http://other.example/"),
        (b"//user:secret@other.example/", "https://other.example/"),
        ("/é b".encode(), "https://example.com:8443/%c3%a9%20b"),
        (b"/\xff", "https://example.com:8443/%ff"),
        ("//bücher.example/".encode(), "https://xn--bcher-kva.example/"),
    ],
)
def test_a_reference_is_read_as_on_the_page(reference: bytes, target: str) -> None:
    url = PAGE.join(reference)
    assert url.text.lower() == target
    assert url == WebUrl.parse(url.text)


@pytest.mark.parametrize("reference", [b"file:///etc/passwd", b"gopher://other.example/"])
def test_a_reference_to_another_scheme_is_forbidden(reference: bytes) -> None:
    with pytest.raises(ForbiddenUrl):
        PAGE.join(reference)


@given(st.binary(max_size=100))
def test_any_reference_is_a_url_or_an_invalid_argument(reference: bytes) -> None:
    try:
        url = PAGE.join(reference)
    except InvalidArgument:
        return
    assert WebUrl.parse(url.text) == url


@given(st.text(max_size=100) | st.binary(max_size=100))
def test_anything_is_a_url_or_an_invalid_argument(anything: str | bytes) -> None:
    for given_url in (
        anything,
        "http://" + anything if isinstance(anything, str) else b"http://" + anything,
    ):
        try:
            url = WebUrl.parse(given_url)
        except InvalidArgument:
            continue
        assert url.text.isascii()
        assert WebUrl.parse(url.text) == url


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://EXAMPLE.com:80/a", "example.com"),
        ("https://example.com:443", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("http://[::80]/", "[::80]"),
        ("http://[::1]:80/", "[::1]"),
    ],
)
def test_servers_are_told_apart_by_their_authority(url: str, authority: str) -> None:
    assert WebUrl.parse(url).authority == authority
