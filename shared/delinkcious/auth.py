"""Mutual authentication between services: a shared secret for each pair that may talk.

Each service has one file with the tokens it shares, by the name of the peer::

    social-graph-manager: 5f0c…
    api-gateway: [new token, old token]     # both are accepted; the first one is sent

A request carries the token in the header (or the gRPC metadata) `CALLER_TOKEN_HEADER`. The token
alone tells who calls, because no two pairs share one.
"""

import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
import yaml

from delinkcious.config import ConfigurationError, ServiceSettings

CALLER_TOKEN_HEADER: Final = "Delinkcious-Caller-Token"
ANONYMOUS: Final = "anonymous"

logger = structlog.get_logger()


class MutualAuth:
    """The tokens that this service shares with its peers.

    Args:
        tokens: the accepted tokens of each peer, the one to send first; None turns the check off.
    """

    def __init__(self, tokens: Mapping[str, Sequence[str]] | None) -> None:
        self.enabled = tokens is not None
        self._tokens = {
            peer: [token.encode() for token in accepted]
            for peer, accepted in (tokens or {}).items()
        }

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "MutualAuth":
        """Reads the file that the settings name; a missing or broken file stops the start."""
        if not settings.delinkcious_mutual_auth:
            logger.warning("mutual_auth_off", reason="DELINKCIOUS_MUTUAL_AUTH=false")
            return cls(None)
        return cls(_load(settings.mutual_auth_file))

    def token_for(self, peer: str) -> str | None:
        """Returns the token to send to a peer, or None when mutual authentication is off.

        Raises:
            ConfigurationError: there is no token for that peer.
        """
        if not self.enabled:
            return None
        if peer not in self._tokens:
            raise ConfigurationError(f"mutual authentication: there is no token for {peer}")
        return self._tokens[peer][0].decode()

    def caller_of(self, token: str | None) -> str | None:
        """Returns the name of the peer that a token belongs to, or None if it belongs to nobody.

        Every known token is compared, each in constant time, so the time taken tells nothing.
        """
        if not self.enabled:
            return ANONYMOUS
        given = (token or "").encode("utf-8", "surrogateescape")
        caller = None
        for peer, accepted in self._tokens.items():
            for known in accepted:
                if hmac.compare_digest(given, known):
                    caller = peer
        return caller


def _load(path: Path) -> dict[str, list[str]]:
    problem = f"MUTUAL_AUTH_FILE: {path}: "
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{problem}{error.strerror}; without it nobody could be told from anybody "
            "(DELINKCIOUS_MUTUAL_AUTH=false turns the check off, for development only)"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{problem}it is not YAML") from None
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{problem}it must map the names of services to tokens")
    tokens = {str(peer): _tokens(problem, str(peer), value) for peer, value in content.items()}
    _refuse_shared(problem, tokens)
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
