"""The address of the client of a request, of which others may only say what we let them.

It is the socket's peer. If that is one of our proxies, it is whom that proxy says it speaks for,
and so on, read from the right, where each proxy appends: the first address that is not a proxy's
is the last one that somebody we trust has seen. What is left of it anybody may have made up
(ADR-0031).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, Literal

from flask import Flask, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ProxyHeader = Literal["X-Forwarded-For", "Forwarded"]

_KEY: Final = "delinkcious.client_address"
_SITE_BITS: Final = 64
_LONGEST: Final = 64  # in brackets, with a port and zone; what is remembered must not be longer
_PAIR: Final = re.compile(
    r"\s*([\w!#$%&'*+.^`|~-]+)=([\w!#$%&'*+.^`|~:-]+|\"[^\"\\\\]*\")\s*", re.ASCII
)


def client_address() -> str:
    """Returns the address of the client of the current request; of IPv4 in four numbers, always.

    Empty if there is none, as with a Unix socket.
    """
    address: str = request.environ.get(_KEY, "")
    return address


def site_in(environ: "WSGIEnvironment") -> str:
    """Returns whose site a request comes from: what one client shares."""
    return site_of(environ.get(_KEY, ""))


class Proxies:
    """The proxies that are believed.

    Args:
        networks: where they are. Nobody else who could reach us may be there.
        header: which one they write. Only one is read: what a proxy does not write, it may pass on
            as its client made it up.
    """

    def __init__(
        self, networks: Iterable[Network] = (), header: ProxyHeader = "X-Forwarded-For"
    ) -> None:
        self._networks = tuple(networks)
        self._key = f"HTTP_{header.upper().replace('-', '_')}"
        self._read = _in_forwarded if header == "Forwarded" else _in_x_forwarded_for
        self._trusts: Callable[[str], bool] = lru_cache(1024)(self._is_ours)

    def client(self, environ: "WSGIEnvironment") -> str:
        """Returns the address of the client of a request."""
        address = _plain(environ.get("REMOTE_ADDR", ""))
        if not self._networks or not self._trusts(address):
            return address
        for said in self._read(environ.get(self._key, "")):
            named = _plain(said) if len(said) <= _LONGEST else ""
            if not named:
                break  # hidden, or no address at all; the proxy that says so is all that we know
            address = named
            if not self._trusts(address):
                break
        return address

    def site_behind(self, peer: str) -> str | None:
        """Returns whose site a peer is in; None for a proxy of ours, behind which anybody is."""
        address = _plain(peer)
        return None if self._trusts(address) else site_of(address)

    def _is_ours(self, address: str) -> bool:
        return bool(address) and any(ip_address(address) in network for network in self._networks)


def install(app: Flask, proxies: Proxies) -> None:
    """Has every request know the address of its client; to be called before what asks for it."""
    answer = app.wsgi_app

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ[_KEY] = proxies.client(environ)
        return answer(environ, start_response)

    app.wsgi_app = respond  # type: ignore[method-assign]


def parse_proxies(text: str) -> tuple[Network, ...]:
    """Returns the networks in a comma-separated list; a single address is one, too.

    Raises:
        ValueError: naming what is no network.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


@lru_cache(4096)
def site_of(address: str) -> str:
    """Returns whom an address belongs to: of IPv6, a provider gives a whole network to each."""
    if ":" not in address:
        return address
    network = IPv6Network((IPv6Address(int(ip_address(address))), _SITE_BITS), strict=False)
    return str(network)


@lru_cache(4096)
def _plain(text: str) -> str:
    """Returns an address in its only form, without a port; empty if it is none."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _in_x_forwarded_for(header: str) -> Iterator[str]:
    """Yields what it names, the last first."""
    while header:
        header, _, said = header.rpartition(",")
        yield said


def _in_forwarded(header: str) -> Iterator[str]:
    """Yields whom it names (RFC 7239, section 4), the last first.

    Commas and semicolons within quotes are cut at, too: what a client has a proxy quote, such as
    the name of a host, must not pass for an element of its own. Such pieces name nobody.
    """
    for element in _in_x_forwarded_for(header):
        pairs = [_PAIR.fullmatch(pair) for pair in element.split(";")]
        named = {pair[1].lower(): pair[2] for pair in pairs if pair}
        yield named.get("for", "") if all(pairs) else ""
