"""Hosts, as ``site:`` compares them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from link_service import domain


def host_of(url: str) -> str:
    """Returns the host of a URL in its normalised form, without its port.

    Raises:
        InvalidArgument: it is not a URL that a link may have.
    """
    host = urlsplit(url).hostname or ""
    if not host.isascii():
        host = urlsplit(domain.normalize_url(url)).hostname or ""
    return host.rstrip(".")


def domains(host: str) -> Iterator[str]:
    """Yields a host and each domain that it lies in; of an IP address, only itself."""
    yield host
    if ":" in host or host.rpartition(".")[2].isdigit():
        return
    while "." in host:
        host = host.partition(".")[2]
        yield host
