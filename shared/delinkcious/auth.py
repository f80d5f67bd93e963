"""Mutual authentication between services: a shared secret for each pair that may talk.

Each service has one file with the tokens it shares, by the name of the peer::

    social-graph-manager: 5f0c…
    api-gateway: [new token, old token]     # both are accepted; the first one is sent

A request carries the token in the header (or the gRPC metadata) `CALLER_TOKEN_HEADER`. The token
alone tells who calls, because no two pairs share one. The file is read again when it changes, so
tokens are renewed while everybody goes on (docs/certificates.md).
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import yaml

from delinkcious import redaction
from delinkcious.config import ConfigurationError, ServiceSettings
from delinkcious.watched import Steady, Watched

CALLER_TOKEN_HEADER: Final = "Delinkcious-Caller-Token"
ANONYMOUS: Final = "anonymous"

_NO_TOKEN: Final = "mutual authentication: there is no token for {}"

logger = structlog.get_logger()

Tokens = Mapping[str, Sequence[str]]
"""The accepted tokens of each peer, the one to send first."""

Credential = Callable[[], str | None]
"""Returns the token to send to a peer now, or None when mutual authentication is off."""


def constant(token: str | None) -> Credential:
    """Returns what gives always the same token."""
    return lambda: token


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that is not let in.

    Attributes:
        call: as the tables of callers name it.
        caller: the service that may not make it; None if it is not known who calls.
        address: where it came from.
    """

    call: str
    caller: str | None
    address: str


class MutualAuth:
    """The tokens that this service shares with its peers.

    Args:
        tokens: those that stay as they are; None turns the check off.
        file: where they are read, and read again when that changes, instead.
    """

    def __init__(self, tokens: Tokens | None, *, file: Path | None = None) -> None:
        self.enabled = tokens is not None or file is not None
        self._needed: set[str] = set()
        self._listeners: list[Callable[[Refusal], None]] = []
        self._tokens: Steady[_Encoded] | Watched[_Encoded] = (
            Steady(_encoded(tokens or {}))
            if file is None
            else Watched("mutual-auth", [file], partial(self._read, file))
        )

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "MutualAuth":
        """Reads the file that the settings name; a missing or broken file stops the start."""
        if not settings.delinkcious_mutual_auth:
            logger.warning("mutual_auth_off", reason="DELINKCIOUS_MUTUAL_AUTH=false")
            return cls(None)
        return cls(None, file=settings.mutual_auth_file)

    def credential_for(self, peer: str) -> Credential:
        """Returns what gives the token to send to a peer, each time the one of that moment.

        Raises:
            ConfigurationError: there is no token for that peer.
        """
        if self.enabled:
            self._needed.add(peer)
            _require(self._tokens.current, self._needed)
        return partial(self.token_for, peer)

    def token_for(self, peer: str) -> str | None:
        """Returns the token to send to a peer now, or None when mutual authentication is off.

        Raises:
            ConfigurationError: there is no token for that peer.
        """
        if not self.enabled:
            return None
        accepted = self._tokens.current.get(peer)
        if accepted is None:
            raise ConfigurationError(_NO_TOKEN.format(peer))
        return accepted[0].decode()

    def caller_of(self, token: str | None) -> str | None:
        """Returns the name of the peer that a token belongs to, or None if it belongs to nobody.

        Every known token is compared, each in constant time, so the time taken tells nothing.
        """
        if not self.enabled:
            return ANONYMOUS
        given = (token or "").encode("utf-8", "surrogateescape")
        caller = None
        for peer, accepted in self._tokens.current.items():
            for known in accepted:
                if hmac.compare_digest(given, known):
                    caller = peer
        return caller

    def on_refusal(self, listener: Callable[[Refusal], None]) -> None:
        """Has somebody told of every call that is not let in; it must not fail, nor wait."""
        self._listeners.append(listener)

    def refuse(self, refusal: Refusal) -> None:
        """Tells of a call that is not let in."""
        for listener in self._listeners:
            listener(refusal)

    def _read(self, file: Path) -> "_Encoded":
        tokens = _encoded(_load(file))
        _require(tokens, self._needed)
        return tokens


_Encoded = Mapping[str, Sequence[bytes]]


def _encoded(tokens: Tokens) -> _Encoded:
    return {peer: [token.encode() for token in accepted] for peer, accepted in tokens.items()}


def _require(tokens: _Encoded, peers: Iterable[str]) -> None:
    for peer in sorted(peers):
        if peer not in tokens:
            raise ConfigurationError(_NO_TOKEN.format(peer))


def _load(path: Path) -> dict[str, list[str]]:
    problem = f"MUTUAL_AUTH_FILE: {path}: "
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{problem}{error.strerror}; without it nobody could be told from anybody "
            "(DELINKCIOUS_MUTUAL_AUTH=false turns the check off, for development only)"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError(f"{problem}it is not YAML") from None
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{problem}it must map the names of services to tokens")
    tokens = {str(peer): _tokens(problem, str(peer), value) for peer, value in content.items()}
    _refuse_shared(problem, tokens)
    redaction.keep(token for accepted in tokens.values() for token in accepted)
    return tokens


def _tokens(problem: str, peer: str, value: object) -> list[str]:
    given = value if isinstance(value, list) else [value]
    tokens = [token for token in given if isinstance(token, str) and _fits_a_header(token)]
    if not tokens or len(tokens) != len(given):
        raise ConfigurationError(
            f"{problem}{peer} must have a token, or a list of tokens (of visible ASCII characters)"
        )
    return tokens


def _fits_a_header(token: str) -> bool:
    return token != "" and all("!" <= character <= "~" for character in token)


def _refuse_shared(problem: str, tokens: Mapping[str, Sequence[str]]) -> None:
    owners: dict[str, str] = {}
    for peer, accepted in tokens.items():
        for token in accepted:
            if owners.setdefault(token, peer) != peer:
                raise ConfigurationError(f"{problem}{owners[token]} and {peer} share a token")
