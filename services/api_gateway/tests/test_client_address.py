"""Whose address a request has, whatever it says itself."""

import pytest
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st

from api_gateway import client_address
from api_gateway.client_address import Proxies, ProxyHeader, parse_proxies
from api_gateway.policy import public
from delinkcious.http.app import create_app

PROXIES = Proxies(parse_proxies("10.0.0.0/8, 2001:db8:9::/48, 192.0.2.1"))
FORWARDED = Proxies(parse_proxies("10.0.0.0/8"), "Forwarded")
FORGED = ("1.1.1.1", "10.0.0.9", "unknown", "1.1.1.1, 10.0.0.9", "", ",,,", "x" * 5000)


def client(proxies: Proxies, peer: str, said: str, header: ProxyHeader = "X-Forwarded-For") -> str:
    key = "HTTP_" + header.upper().replace("-", "_")
    return proxies.client({"REMOTE_ADDR": peer, key: said})


@pytest.mark.parametrize("said", FORGED)
def test_whoever_is_no_proxy_says_nothing_of_addresses(said: str) -> None:
    assert client(Proxies(), "203.0.113.7", said) == "203.0.113.7"
    assert client(PROXIES, "203.0.113.7", said) == "203.0.113.7"
    assert client(FORWARDED, "203.0.113.7", f"for={said}", "Forwarded") == "203.0.113.7"


@pytest.mark.parametrize("said", FORGED)
def test_what_stood_there_before_our_proxy_changes_nothing(said: str) -> None:
    assert client(PROXIES, "10.0.0.1", f"{said}, 203.0.113.7") == "203.0.113.7"
    assert client(PROXIES, "10.0.0.1", f"{said}, 203.0.113.7, 10.0.0.2") == "203.0.113.7"
    for before in (f"for={said}", f'for="{said}', f'for="[{said}]";host="', said):
        forwarded = f"{before}, for=203.0.113.7;proto=https;by=10.0.0.1"
        assert client(FORWARDED, "10.0.0.1", forwarded, "Forwarded") == "203.0.113.7"


@given(st.text(max_size=80), st.sampled_from(["203.0.113.7", "2001:db8::7"]))
def test_nothing_that_can_be_said_changes_it(said: str, peer: str) -> None:
    assert client(PROXIES, peer, said) == peer
    assert client(PROXIES, "10.0.0.1", f"{said},{peer}") == peer


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "10.0.0.1"),
        ("203.0.113.7, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_a_proxy_names_whom_it_speaks_for_or_it_is_the_client_itself(
    said: str, expected: str
) -> None:
    assert client(PROXIES, "10.0.0.1", said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ('For="[2001:db8::7]:4711";proto=https', "2001:db8::7"),
        ("proto=https; for=203.0.113.7:80 ; by=_us", "203.0.113.7"),
        ('for=203.0.113.7;host="a, for=1.1.1.1"', "10.0.0.1"),
        ('for=203.0.113.7;host="a, for=1.1.1.1;x=y"', "10.0.0.1"),
        (r'for=203.0.113.7;host="a\", for=1.1.1.1;x=\"y"', "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ("for=", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_the_standard_header_is_read_as_strictly_as_it_is_defined(said: str, expected: str) -> None:
    assert client(FORWARDED, "10.0.0.1", said, "Forwarded") == expected


def test_only_the_header_that_our_proxies_write_is_read() -> None:
    given = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=1.1.1.1"}
    assert PROXIES.client(given) == "10.0.0.1"
    given = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1"}
    assert FORWARDED.client(given) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "expected"), [("::ffff:203.0.113.7", "203.0.113.7"), ("::1", "::1"), ("", "")]
)
def test_one_address_has_one_form(peer: str, expected: str) -> None:
    assert Proxies().client({"REMOTE_ADDR": peer}) == expected


def test_proxies_may_be_networks_of_either_kind_and_single_addresses() -> None:
    for proxy in ("10.255.0.1", "2001:db8:9::4", "192.0.2.1", "::ffff:10.1.1.1"):
        assert client(PROXIES, proxy, "203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize("wrong", ["everybody", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_proxies(f"127.0.0.1, {wrong}")


@pytest.mark.parametrize(
    ("peer", "site"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8:9::1", None),
    ],
)
def test_a_peer_belongs_to_a_site_unless_it_is_a_proxy(peer: str, site: str | None) -> None:
    assert PROXIES.site_behind(peer) == site


def test_views_ask_for_the_address_of_their_request() -> None:
    app = create_app(__name__, title="t", version="1", auth=None)
    client_address.install(app, PROXIES)

    @app.get("/")
    @public
    def tell() -> Response:
        return Response(client_address.client_address())

    answer = app.test_client().get(
        "/",
        headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.7"},
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
    )
    assert answer.text == "203.0.113.7"


def test_what_clients_share_they_share_by_site() -> None:
    """Of IPv6 one client has as many addresses as they like."""
    app = create_app(__name__, title="t", version="1", auth=None)
    client_address.install(app, PROXIES)

    @app.get("/")
    @public
    def tell() -> Response:
        return Response(client_address.site_in(request.environ))

    for said, site in (("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("203.0.113.7",) * 2):
        answer = app.test_client().get(
            "/", headers={"X-Forwarded-For": said}, environ_base={"REMOTE_ADDR": "10.0.0.1"}
        )
        assert answer.text == site


def test_made_up_text_takes_no_room() -> None:
    """Addresses are remembered by what they were said as, which a client chooses."""
    before = client_address._plain.cache_info().currsize
    assert client(PROXIES, "10.0.0.9", "1.1.1.1, " + "9" * 8000) == "10.0.0.9"
    assert client_address._plain.cache_info().currsize <= before + 1
