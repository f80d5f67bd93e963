"""URLs as they go to libcurl: read by its own parser, so that both mean the same server by them."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import idna
import pycurl

from delinkcious.errors import InvalidArgument

_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}
_WEB: Final = frozenset(_USUAL_PORTS)
_SCHEME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*):")
_READING: Final = pycurl.U_URLENCODE | pycurl.U_NON_SUPPORT_SCHEME


class ForbiddenUrl(InvalidArgument):
    """A URL of another kind than those of web pages, or with a password in it."""


@dataclass(frozen=True, slots=True)
class WebUrl:
    """An absolute http or https URL in ASCII, and its host."""

    text: str
    host: str

    @property
    def authority(self) -> str:
        """The host in lower case, with the port if that is not the usual one."""
        parts = urlsplit(self.text)
        return parts.netloc.lower().removesuffix(_USUAL_PORTS[parts.scheme])

    @property
    def port(self) -> int:
        """The port, also if it is not named."""
        parts = urlsplit(self.text)
        return int(_USUAL_PORTS[parts.scheme][1:]) if parts.port is None else parts.port

    @classmethod
    def parse(cls, given: str | bytes) -> "WebUrl":
        """Returns the URL, with what is not ASCII encoded as browsers do it.

        Raises:
            ForbiddenUrl: it is not an http or https URL, or has a user name or a password.
            InvalidArgument: it is not a URL.
        """
        parts = _parse(given)
        if parts.scheme not in _WEB:
            raise ForbiddenUrl.of("url", "must begin with http:// or https://")
        if parts.user is not None or parts.password is not None:
            raise ForbiddenUrl.of("url", "must not contain a user name or password")
        try:
            parts.host = _ascii(parts.host)
            parts.fragment = None
            again = _parse(parts.url)  # "²" has become "2", which is an address: 0.0.0.2
            return cls(again.url, again.host)
        except (pycurl.error, idna.IDNAError):
            raise InvalidArgument.of("url", "has no valid host") from None

    def join(self, reference: bytes) -> "WebUrl":
        """Returns the URL that a reference means on this page, without any password in it.

        Raises:
            ForbiddenUrl: it is not an http or https URL.
            InvalidArgument: it is not a URL.
        """
        parts = _parse(self.text)
        try:
            parts.url = reference
            parts.user = parts.password = None
            return WebUrl.parse(parts.url)
        except (pycurl.error, ValueError):
            raise _unreadable(reference) from None


def _parse(given: str | bytes) -> pycurl.CurlUrl:
    try:
        return pycurl.CurlUrl(given.encode() if isinstance(given, str) else given, _READING)
    except (pycurl.error, ValueError):
        raise _unreadable(given) from None


def _unreadable(given: str | bytes) -> InvalidArgument:
    """Returns what is wrong with what libcurl cannot read, such as a URL without a host."""
    text = given.encode(errors="replace") if isinstance(given, str) else given
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].decode().lower() not in _WEB:
        return ForbiddenUrl.of("url", "must begin with http:// or https://")
    return InvalidArgument.of("url", "is not a URL")


def _ascii(host: str) -> str:
    """Returns the host as DNS knows it; libcurl, as it comes with pycurl, leaves that to us."""
    return host if host.isascii() else idna.encode(host, uts46=True).decode()
