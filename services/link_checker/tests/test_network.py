"""Which addresses may be connected to; nothing here connects to anything."""

import pytest

from link_checker.network import WEB_PORTS, AddressPolicy, parse_networks, parse_ports

CLOSED = [
    # this host, loopback
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "127.255.255.255",
    # private
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
    # carrier-grade NAT, link-local, and what clouds tell their machines
    "100.64.0.1", "100.127.255.255", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "100.100.100.200", "192.0.0.192", "168.63.129.16",
    # protocol assignments, relays, AS112
    "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.175.48.1",
    # documentation and benchmarks
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255",
    # multicast, reserved, broadcast
    "224.0.0.1", "232.1.2.3", "239.255.255.250", "240.0.0.1", "255.255.255.254", "255.255.255.255",
    # IPv6: unspecified, loopback, private, link-local, site-local, multicast, discard
    "::", "::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0",
    "febf::1", "fec0::1", "ff02::1", "ff0e::1", "100::1",
    # IPv4 addresses in IPv6 ones: mapped, compatible, translated, 6to4, Teredo, ISATAP, NAT64
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8",
    "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8",
    "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1",
    "2001::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fe80::5efe:10.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::192.168.1.1",
    "64:ff9b:1::8.8.8.8",
    # documentation, benchmarks, ORCHID, AS112, SRv6, and what nobody has been given
    "2001:db8::1", "3fff::1", "2001:2::1", "2001:10::1", "2001:20::1", "2620:4f:8000::1",
    "5f00::1", "4000::1", "8000::1", "1::1", "200::1",
    # no address at all
    "", "localhost", "1.2.3", "1.2.3.4.5", "2130706433", "0x7f000001", "fe80:::1", "1.2.3.4/32",
]  # fmt: skip

OPEN = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
    "126.255.255.255", "128.0.0.1", "140.82.121.4", "172.15.255.255", "172.32.0.1",
    "192.167.255.255", "192.169.0.1", "193.0.0.1", "198.17.255.255", "198.20.0.1",
    "223.255.255.254", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:80b::200e",
    "2620:fe::fe", "2400:cb00:2048:1::c629:d7a2", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", OPEN)
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert AddressPolicy().permits(address)


@pytest.mark.parametrize(
    ("allowed", "permitted", "refused"),
    [
        ("127.0.0.0/8,::1/128", ["127.0.0.1", "127.9.9.9", "::1"], ["10.0.0.1", "::2"]),
        ("10.1.0.0/16", ["10.1.2.3", "64:ff9b::10.1.2.3"], ["10.2.0.1", "::ffff:10.1.2.3"]),
        ("fd00::/8", ["fd12::1"], ["fc00::1", "127.0.0.1"]),
        ("2001:db8::/32", ["2001:db8::1"], ["3fff::1"]),
    ],
)
def test_the_operator_may_allow_networks(
    allowed: str, permitted: list[str], refused: list[str]
) -> None:
    policy = AddressPolicy(parse_networks(allowed))
    assert all(policy.permits(address) for address in [*permitted, "8.8.8.8"])
    assert not any(policy.permits(address) for address in refused)


def test_no_networks_are_allowed_by_default() -> None:
    assert parse_networks("") == parse_networks(" , ") == ()


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "10.0.0.1/8", "x", "127.0.0.1-5", "::/129"])
def test_a_wrong_network_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a network") as caught:
        parse_networks(f"127.0.0.0/8, {wrong}")
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize("port", WEB_PORTS)
def test_websites_are_at_usual_ports(port: int) -> None:
    policy = AddressPolicy()
    assert policy.is_of_the_web("example.com", port)
    assert not policy.forbids("example.com", port)
    assert not policy.forbids("8.8.8.8", port)
    assert not policy.forbids("[2606:4700:4700::1111]", port)


@pytest.mark.parametrize(
    "port", [0, 1, 21, 22, 25, 53, 79, 81, 110, 3306, 5432, 6379, 11211, 65535]
)
def test_other_ports_are_closed_but_where_the_operator_allows_all(port: int) -> None:
    policy = AddressPolicy()
    assert policy.forbids("example.com", port)
    assert policy.forbids("8.8.8.8", port)
    assert not policy.permits("8.8.8.8", of_the_web=False)
    company = AddressPolicy(parse_networks("10.0.0.0/8"))
    assert not company.forbids("example.com", port)  # its address may be one of the company's
    assert not company.forbids("10.1.2.3", port)
    assert company.permits("10.1.2.3", of_the_web=company.is_of_the_web("example.com", port))
    assert not company.permits("8.8.8.8", of_the_web=company.is_of_the_web("example.com", port))


@pytest.mark.parametrize(
    "host",
    [
        "", "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain",
        "redis", "link-manager", "kubernetes.default.svc.cluster.local", "x.local", "router.lan",
        "metadata.google.internal", "METADATA.GOOGLE.INTERNAL.", "wiki.corp", "nas.home",
        "nas.home.arpa", "x.intranet", "x.private", "x.onion",
        "4294967296", "256.256.256.256", "1.2.3.4.5", "0xffffffffff", "1.0x",
    ],
)  # fmt: skip
def test_names_that_the_public_web_cannot_have_are_closed(host: str) -> None:
    assert AddressPolicy().forbids(host, 80)
    company = AddressPolicy(parse_networks("10.0.0.0/8"))
    assert not company.forbids(host, 80)
    assert not company.permits("8.8.8.8", of_the_web=company.is_of_the_web(host, 80))


@pytest.mark.parametrize(
    "host",
    ["example.com", "EXAMPLE.com.", "local.example.com", "internal.io", "home.co", "lan.dev",
     "corp.com", "a.b.c.d.example", "xn--bcher-kva.example", "a_b.example", "1.example", "0x1.dev"],
)  # fmt: skip
def test_names_that_only_look_like_them_are_open(host: str) -> None:
    assert not AddressPolicy().forbids(host, 80)


def test_ports_are_numbers_and_ranges() -> None:
    assert parse_ports(" 80, 9000-9002 ,") == (80, 9000, 9001, 9002)
    assert len(parse_ports("1-65535")) == 65535


@pytest.mark.parametrize("wrong", ["0", "65536", "http", "80-", "-80", "90-80", "1-70000", "80.5"])
def test_a_wrong_port_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a port") as caught:
        parse_ports(f"80, {wrong}")
    assert repr(wrong) in str(caught.value)
