"""How browsers and feed readers reach the gateway: as it was told, or as the request says."""

from typing import Final
from urllib.parse import urlsplit

from flask import request

from delinkcious.errors import InvalidArgument

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def base_url(public_url: str) -> str:
    """Returns scheme, host and port, without a slash at the end.

    Args:
        public_url: what the gateway was told; empty, if nothing.

    Raises:
        InvalidArgument: it was told nothing, and the request names no host.
    """
    if not (public_url or request.host):
        raise InvalidArgument.of("Host", "is not the name of a host")
    return public_url or request.host_url.rstrip("/")


def is_secure(public_url: str) -> bool:
    """Tells whether browsers reach us over https, as far as we know. See `base_url`."""
    return public_url.startswith("https:") if public_url else request.scheme == "https"


def origin(public_url: str) -> str:
    """Returns what browsers call it in `Origin` (RFC 6454, section 6.2). See `base_url`."""
    url = urlsplit(base_url(public_url).lower())
    host = url.netloc.removesuffix(f":{_DEFAULT_PORTS.get(url.scheme, '')}")
    return f"{url.scheme}://{host}"
