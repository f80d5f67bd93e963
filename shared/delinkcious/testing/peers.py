"""Mutual authentication in tests: a service that knows its callers, and callers that it knows."""

from pathlib import Path

import yaml

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth


def token_of(peer: str) -> str:
    """The token that a peer shares with the service under test."""
    return f"token-of-{peer}"


def auth_for(*peers: str) -> MutualAuth:
    """The side of the service under test: it knows these peers."""
    return MutualAuth({peer: [token_of(peer)] for peer in peers})


def auth_file(path: Path, *peers: str) -> Path:
    """The same as a file, for a service that runs in a process of its own."""
    path.write_text(yaml.safe_dump({peer: token_of(peer) for peer in peers}), encoding="utf-8")
    return path


def calling_as(peer: str) -> dict[str, str]:
    """The side of a peer: the header that shows who calls."""
    return {CALLER_TOKEN_HEADER: token_of(peer)}
