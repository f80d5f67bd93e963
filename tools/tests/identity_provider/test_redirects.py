"""Where a browser may be sent back to; the first table is the one of GitHub's documentation."""

import pytest

from tools.identity_provider.redirects import is_registered, with_query

SITE = "http://example.com/path"
LOOPBACK = "http://127.0.0.1:5000/login/authorized"


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://example.com/path",
        "http://example.com:80/path",
        "http://example.com/path/subdir/other",
        "http://example.com/path?next=1",
        "http://oauth.example.com/path",
        "http://oauth.example.com/path/subdir/other",
    ],
)
def test_the_callback_its_subdomains_and_what_is_below_it_are_good(redirect_uri: str) -> None:
    assert is_registered(redirect_uri, SITE)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://example.com/bar",
        "http://example.com/",
        "http://example.com/pathology",
        "http://example.com:8080/path",
        "http://oauth.example.com:8080/path",
        "http://example.org",
        "https://example.com/path",
        "http://notexample.com/path",
        "http://example.com.evil.example/path",
        "http://example.com@evil.example/path",
        "http://evil.example\\@example.com/path",
        "http://a;b.example.com/path",
        "http://example.com/path/../bar",
        "http://example.com/path/%2e%2E/bar",
        "http://example.com/path/..%2fbar",
        "http://example.com/path/..\\bar",
        "http://example.com/path#fragment",
        "http://example.com/path\r\nX: y",
        "http://example.com:x/path",
        "http://[::1/path",
        "//example.com/path",
        "javascript:alert(1)",
        "/path",
    ],
)
def test_anything_else_is_bad(redirect_uri: str) -> None:
    assert not is_registered(redirect_uri, SITE)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        LOOPBACK,
        "http://127.0.0.1:1234/login/authorized",
        "http://127.0.0.1/login/authorized",
        "http://localhost:1234/login/authorized",
    ],
)
def test_a_loopback_callback_takes_any_port(redirect_uri: str) -> None:
    assert is_registered(redirect_uri, LOOPBACK)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:1234/elsewhere",
        "https://127.0.0.1:5000/login/authorized",
        "http://127.0.0.1:x/login/authorized",
        "http://127.0.0.2:5000/login/authorized",
        "http://evil.localhost:5000/login/authorized",
        "http://127.0.0.1.evil.example:5000/login/authorized",
        "http://example.com:5000/login/authorized",
    ],
)
def test_a_loopback_callback_takes_nothing_else(redirect_uri: str) -> None:
    assert not is_registered(redirect_uri, LOOPBACK)


def test_parameters_are_added_to_those_the_url_has() -> None:
    url = with_query("http://example.com/path?a=1&b=", {"code": "x y", "state": None})
    assert url == "http://example.com/path?a=1&b=&code=x+y"
