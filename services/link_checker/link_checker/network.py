"""Where a check may connect to: the public web, and the networks that the operator allows.

Whoever can save a link can have this service fetch its URL, so it must not reach what only we can
reach. The question is asked for each address at the moment of connecting, when names, redirects
and odd ways to write an address have all come down to the address itself. What the public web has
no such host or port for is asked of nobody, unless the operator's networks may have it.
"""

import re
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


WEB_PORTS: Final = (80, 443, 8000, 8008, 8080, 8081, 8443, 8888)
"""Where websites are: of other ports one does not know what a request makes the server do."""

_PORTS: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PRIVATE_NAME: Final = re.compile(
    r"[^.]*"  # without a dot: a neighbour in the same network, and no domain (RFC 7085)
    r"|.*\.(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa"
    r"|onion|\d+|0x[0-9a-f]*)",  # or what could only be an address, and is none
)
"""Names that only some network of its own resolves (RFC 6761, RFC 6762 G, RFC 8375, RFC 7686)."""


class AddressPolicy:
    """Tells where a check may go.

    Args:
        allowed: networks that are allowed though they are not public, with all ports.
        ports: those that may be connected to elsewhere.
    """

    def __init__(self, allowed: Iterable[Network] = (), ports: Iterable[int] = WEB_PORTS) -> None:
        self._allowed = tuple(allowed)
        self._ports = frozenset(ports)

    def is_of_the_web(self, host: str, port: int) -> bool:
        """Returns whether the public web may have such a host, as its URL has it, and port.

        What it cannot have is permitted only where the operator allows it.
        """
        name = host.lower().rstrip(".")
        public = _address(host.strip("[]")) is not None or not _PRIVATE_NAME.fullmatch(name)
        return public and port in self._ports

    def forbids(self, host: str, port: int) -> bool:
        """Returns whether there is no need to ask for a host's addresses: none is permitted."""
        of_the_web = self.is_of_the_web(host, port)
        address = _address(host.strip("[]"))
        if address is None:
            return not (of_the_web or self._allowed)
        return not self._permits(address, of_the_web=of_the_web)

    def permits(self, text: str, *, of_the_web: bool = True) -> bool:
        """Returns whether an address, in its numeric form, may be connected to.

        Args:
            of_the_web: whether host and port are such as the public web has.
        """
        address = _address(text)
        return address is not None and self._permits(address, of_the_web=of_the_web)

    def _permits(self, address: Address, *, of_the_web: bool) -> bool:
        if isinstance(address, IPv6Address) and address in _NAT64:
            address = IPv4Address(int(address) & 0xFFFF_FFFF)
        allowed = any(address in network for network in self._allowed)
        return allowed or (of_the_web and _is_public(address))


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


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


def parse_ports(text: str) -> tuple[int, ...]:
    """Returns the ports of a comma-separated list such as ``80, 443, 8000-8099``.

    Raises:
        ValueError: naming what is no port, and no range of ports.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(port for part in parts for port in _ports(part))


def _ports(text: str) -> range:
    if match := _PORTS.fullmatch(text):
        first, last = int(match[1]), int(match[2] or match[1])
        if 0 < first <= last < 2**16:
            return range(first, last + 1)
    raise ValueError(f"{text!r} is not a port, or a range of ports such as 8000-8099")


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a network such as 10.1.0.0/16 or fd00::/8") from None
