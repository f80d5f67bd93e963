"""Where somebody acted from, and how it is passed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.audit import NOWHERE, Origin


def environ_of(origin: Origin) -> dict[str, str]:
    """The headers as the server that is called finds them."""
    return {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in origin.to_headers().items()
    }


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unknown", None),
        ("203.0.113.7, 10.0.0.1", None),
        ("1" * 1000, None),
    ],
)
def test_an_address_is_an_address_or_nothing(given_: str, kept: str | None) -> None:
    assert Origin.of(given_, None).address == kept


def test_a_user_agent_is_cut() -> None:
    assert Origin.of(None, "x" * 1000).user_agent == "x" * 200


def test_what_says_nothing_is_nowhere() -> None:
    assert Origin.of("", " \t") == NOWHERE
    assert NOWHERE.to_headers() == {}
    assert Origin.from_environ({}) == NOWHERE


@given(st.ip_addresses(), st.text())
def test_it_arrives_as_it_was_sent(address: object, agent: str) -> None:
    origin = Origin.of(str(address), agent)
    assert Origin.from_environ(environ_of(origin)) == origin


@given(st.text(), st.text())
def test_headers_hold_one_line_of_ascii(address: str, agent: str) -> None:
    for value in Origin.of(address, agent).to_headers().values():
        assert value.isascii()
        assert value.isprintable()
