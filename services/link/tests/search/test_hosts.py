"""Hosts, as they are compared."""

import pytest

from link_service.search.hosts import domains, host_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.Example.com:8080/a?b#c", "www.example.com"),
        ("http://example.com./", "example.com"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://[2001:DB8::1]/", "2001:db8::1"),
        ("http://localhost", "localhost"),
    ],
)
def test_the_host_of_a_url_is_normalised(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("a.b.example.com", ["a.b.example.com", "b.example.com", "example.com", "com"]),
        ("localhost", ["localhost"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("2001:db8::127.0.0.1", ["2001:db8::127.0.0.1"]),
    ],
)
def test_a_host_lies_in_each_domain_above_it(host: str, found: list[str]) -> None:
    assert list(domains(host)) == found
