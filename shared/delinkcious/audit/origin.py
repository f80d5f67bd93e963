"""Where somebody acted from: told by the gateway to the services that it calls, in headers.

Only what authenticated itself as the gateway is believed: a service reads them after it has checked
its caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import quote, unquote

from delinkcious.redaction import clean

ADDRESS_HEADER: Final = "Delinkcious-Client-Address"
AGENT_HEADER: Final = "Delinkcious-Client-Agent"
CREDENTIAL_HEADER: Final = "Delinkcious-Client-Credential"

_MAX_AGENT_LENGTH: Final = 200
_MAX_CREDENTIAL_LENGTH: Final = 40
_PRINTABLE_ASCII: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def cleaned(text: str, length: int) -> str:
    """Returns a text as the trail may hold it: printable, not too long, without secrets."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return clean(printable).strip()[:length].rstrip()


@dataclass(frozen=True, slots=True)
class Origin:
    """From where, with what program and with which credential, as far as known; made by `of`.

    Attributes:
        credential: the number of a session or an API token: ``session 12``, ``token 7``.
    """

    address: str | None = None
    user_agent: str | None = None
    credential: str | None = None

    @classmethod
    def of(cls, address: str | None, user_agent: str | None, credential: str | None = None) -> Self:
        """Returns the origin of what a client said of itself; no address is what is none."""
        return cls(
            _address(address or ""),
            cleaned(user_agent or "", _MAX_AGENT_LENGTH) or None,
            cleaned(credential or "", _MAX_CREDENTIAL_LENGTH) or None,
        )

    def to_headers(self) -> dict[str, str]:
        """Returns the headers that pass it on."""
        given = {
            ADDRESS_HEADER: self.address,
            AGENT_HEADER: self.user_agent,
            CREDENTIAL_HEADER: self.credential,
        }
        return {name: quote(value, _PRINTABLE_ASCII) for name, value in given.items() if value}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Reads the headers of a WSGI request."""
        names = (ADDRESS_HEADER, AGENT_HEADER, CREDENTIAL_HEADER)
        return cls.of(*(_header(environ, name) for name in names))


NOWHERE: Final = Origin()
"""Where nothing is known of."""


def _header(environ: Mapping[str, str], name: str) -> str:
    return unquote(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None
