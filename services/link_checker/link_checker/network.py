"""Which addresses a check may connect to: the public internet, and what the operator allows.

Whoever can save a link can have this service fetch its URL, so it must not reach what only we can
reach. The question is asked for each address at the moment of connecting, when names, redirects
and odd ways to write an address have all come down to the address itself.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED: Final = tuple(
    ip_network(network)
    for network in (
        # The IANA IPv4 Special-Purpose Address Registry (RFC 6890), and what is no unicast
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598), and a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # Azure's own services, at an address that looks public
        # What is special inside the space of IPv6 global unicast addresses
        "2001::/23",  # protocol assignments, with Teredo, benchmarks and ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which hides an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_IPV6_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that is assigned: everything else, IPv4-mapped and private addresses too, is not for us."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""How a cluster that has only IPv6 reaches the IPv4 internet (RFC 6052)."""


class AddressPolicy:
    """Tells which addresses may be connected to.

    Args:
        allowed: networks that are allowed though they are not public.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, text: str) -> bool:
        """Returns whether an address, in its numeric form, may be connected to."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address in _NAT64:
            address = IPv4Address(int(address) & 0xFFFF_FFFF)
        return _is_public(address) or any(address in network for network in self._allowed)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _IPV6_GLOBAL_UNICAST:
        return False
    # Python's own table comes second: it may know of what is assigned after this was written.
    return not any(address in network for network in _CLOSED) and address.is_global


def parse_networks(text: str) -> tuple[Network, ...]:
    """Returns the networks of a comma-separated list such as ``10.1.0.0/16, fd00::/8``.

    Raises:
        ValueError: naming what is no network.
    """
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a network such as 10.1.0.0/16 or fd00::/8") from None
