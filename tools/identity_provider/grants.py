"""Authorization codes and access tokens: issued, exchanged and recognised, in memory only.

    ExchangeRefused
    ├── IncorrectClientCredentials   the application is not who it says
    ├── BadVerificationCode          the code is unknown, used, expired, or its PKCE verifier wrong
    ├── RedirectUriMismatch          the code was issued for another redirect_uri
    └── UnverifiedUserEmail          GitHub's refusal for a user without a verified primary address

Names, texts and links of the errors are GitHub's:
https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
"""

import base64
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar

CODE_LIFETIME_SECONDS = 600
# Only bounds the memory of a long-lived process: clients use a token once, right after the login.
MOST_TOKENS = 10_000
_BASE62 = string.ascii_letters + string.digits
_TROUBLESHOOTING = "https://docs.github.com/apps/managing-oauth-apps"
_TOKEN_ERRORS = f"{_TROUBLESHOOTING}/troubleshooting-oauth-app-access-token-request-errors/"


class ExchangeRefused(Exception):
    """The code is not exchanged for a token."""

    error: ClassVar[str]
    description: ClassVar[str]
    uri: ClassVar[str]


class IncorrectClientCredentials(ExchangeRefused):
    """The application is not who it says."""

    error = "incorrect_client_credentials"
    description = "The client_id and/or client_secret passed are incorrect."
    uri = f"{_TOKEN_ERRORS}#incorrect-client-credentials"


class BadVerificationCode(ExchangeRefused):
    """The code is unknown, used or expired, or the PKCE verifier is not the challenge's."""

    error = "bad_verification_code"
    description = "The code passed is incorrect or expired."
    uri = f"{_TOKEN_ERRORS}#bad-verification-code"


class RedirectUriMismatch(ExchangeRefused):
    """The code was issued for another redirect_uri."""

    error = "redirect_uri_mismatch"
    description = "The redirect_uri MUST match the registered callback URL for this application."
    uri = f"{_TROUBLESHOOTING}/troubleshooting-authorization-request-errors/#redirect-uri-mismatch2"


class UnverifiedUserEmail(ExchangeRefused):
    """The user has no verified primary address; only ever answered as an injected fault."""

    error = "unverified_user_email"
    description = "The user must have a verified primary email."
    uri = f"{_TOKEN_ERRORS}#unverified_user_email"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user allowed the application, waiting to be fetched with a code."""

    account_id: int
    scopes: tuple[str, ...]
    redirect_uri: str
    code_challenge: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """What the bearer of a token may do."""

    account_id: int
    scopes: tuple[str, ...]


class Grants:
    """The codes and tokens in circulation; safe to share by threads.

    They are kept under their SHA-256, so that looking one up takes no time that depends on how much
    of a guess was right.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._codes: dict[bytes, tuple[Grant, float]] = {}
        self._tokens: dict[bytes, Access] = {}

    def issue_code(self, grant: Grant) -> str:
        """A code that fetches this grant once, within ten minutes."""
        code = secrets.token_hex(16)
        with self._lock:
            self._forget_expired()
            self._codes[_digest(code)] = (grant, self._clock() + CODE_LIFETIME_SECONDS)
        return code

    def exchange(
        self, code: str, redirect_uri: str | None, code_verifier: str | None
    ) -> tuple[str, Access]:
        """A new token for the code, which is used up whatever the outcome.

        Raises:
            BadVerificationCode, RedirectUriMismatch
        """
        grant = self._redeem(code)
        if redirect_uri is not None and redirect_uri != grant.redirect_uri:
            raise RedirectUriMismatch
        if not _verified(grant.code_challenge, code_verifier):
            raise BadVerificationCode
        access = Access(grant.account_id, grant.scopes)
        return self._issue_token(access), access

    def access(self, token: str) -> Access | None:
        """What the token allows, or None if it is not one of ours."""
        return self._tokens.get(_digest(token))

    def _redeem(self, code: str) -> Grant:
        with self._lock:
            grant, expires_at = self._codes.pop(_digest(code), (None, 0.0))
        if grant is None or expires_at <= self._clock():
            raise BadVerificationCode
        return grant

    def _issue_token(self, access: Access) -> str:
        token = "gho_" + "".join(secrets.choice(_BASE62) for _ in range(36))
        with self._lock:
            self._tokens[_digest(token)] = access
            if len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]
        return token

    def _forget_expired(self) -> None:
        now = self._clock()
        self._codes = {key: code for key, code in self._codes.items() if code[1] > now}


def s256(code_verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _verified(code_challenge: str | None, code_verifier: str | None) -> bool:
    # A verifier without a challenge is refused too: someone took the challenge out of the
    # authorization request (RFC 9700, section 4.8.2).
    if code_challenge is None or code_verifier is None:
        return code_challenge is None and code_verifier is None
    return hmac.compare_digest(s256(code_verifier), code_challenge)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
