"""Logging in with GitHub: its OAuth 2 web flow, and whom it says somebody is.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

import os
import time
from dataclasses import dataclass
from math import ceil
from typing import Final, Protocol, TypeVar

import structlog
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from requests import RequestException, Response
from requests_oauthlib import OAuth2Session

from api_gateway.config import is_loopback
from delinkcious.breaker import Breaker
from delinkcious.errors import PermissionDenied, Unauthenticated, Unavailable
from delinkcious.object_model.users import GitHubIdentity

T = TypeVar("T")

logger = structlog.get_logger()

_SCOPE: Final = ("user:email",)
_OK: Final = 200
_NOT_FOUND: Final = 404
_RATE_LIMITED: Final = frozenset({403, 429})
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Authorization:
    """The way to the provider, and what to remember until it sends the browser back.

    Attributes:
        url: where the browser goes.
        state: what it must bring back.
        code_verifier: the secret that proves to the provider that we are who asked (RFC 7636).
    """

    url: str
    state: str
    code_verifier: str


class IdentityProvider(Protocol):
    """Who tells us whom somebody is."""

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        """Begins a login that comes back to ``redirect_uri``; ``login`` suggests an account."""
        ...

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        """Finishes it.

        Raises:
            Unauthenticated: the code is wrong, used, or too old.
            PermissionDenied: there is no verified e-mail address.
            Unavailable: the provider does not answer, or not as it should.
        """
        ...


class _Account(BaseModel):
    id: int
    login: str
    name: str | None = None


class _Email(BaseModel):
    email: str
    primary: bool
    verified: bool


class _Token(BaseModel):
    """Every field that oauthlib looks at: over what it does not expect it fails in many ways."""

    access_token: str = Field(min_length=1)
    token_type: str = Field(pattern="^[Bb]earer$")
    scope: str | None = None
    expires_in: int | None = None
    expires_at: float | None = None


class _Refusal(BaseModel):
    error: str = Field(min_length=1)
    error_description: str | None = None
    error_uri: str | None = None


_EXCHANGE: Final[TypeAdapter[_Token | _Refusal]] = TypeAdapter(_Token | _Refusal)
_ACCOUNT: Final = TypeAdapter(_Account)
_EMAILS: Final = TypeAdapter(list[_Email])


class NoVerifiedEmail(PermissionDenied):
    """GitHub says who it is, and vouches for no e-mail address."""

    def __init__(self, github_id: int | None = None) -> None:
        super().__init__(
            "Your GitHub account has no verified primary e-mail address, or does not show it to"
            " us; verify one in its settings and log in again."
        )
        self.github_id = github_id


class _Failure(Unavailable):
    """GitHub did not answer, or not as it should."""


class GitHub:
    """GitHub, GitHub Enterprise, or the local identity provider that speaks as they do.

    GitHub's token is used for two calls and never leaves this class. Nothing is tried twice: a code
    is good for one exchange, and whoever logs in is there to try again.

    Args:
        url: where people log in; plain http only for what the configuration lets through.
        api_url: where its REST API is.
        timeout: seconds to connect, and to answer, for each of the three calls.
    """

    def __init__(
        self, *, client_id: str, client_secret: str, url: str, api_url: str, timeout: float
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = url
        self._api_url = api_url
        self._timeout = timeout
        self._breaker = Breaker("github", failures=5, seconds=5, on=(_Failure,))
        if "http" in {url.partition(":")[0], api_url.partition(":")[0]}:
            # oauthlib knows no other way to be told. The configuration allows it for loopback, or
            # for a private network if somebody asked for it (GITHUB_INSECURE).
            os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        client = WebApplicationClient(self._client_id)
        hint = {"login": login} if login else {}
        with OAuth2Session(
            client=client, redirect_uri=redirect_uri, scope=_SCOPE, pkce="S256"
        ) as session:
            url, state = session.authorization_url(f"{self._url}/login/oauth/authorize", **hint)
        return Authorization(url, state, str(client.code_verifier))

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        with self._breaker.guard(), self._session(redirect_uri) as session:
            try:
                self._exchange(session, code, code_verifier)
                account = _read("user", self._get(session, "/user"), _ACCOUNT)
                return GitHubIdentity(
                    id=account.id,
                    login=account.login,
                    name=account.name or account.login,
                    email=_primary(account, self._get(session, "/user/emails")),
                )
            except RequestException as error:
                raise _failure("connection", type(error).__name__) from None

    def _session(self, redirect_uri: str) -> OAuth2Session:
        session = OAuth2Session(self._client_id, redirect_uri=redirect_uri)
        session.headers["User-Agent"] = "delinkcious"
        session.trust_env = not is_loopback(self._url)  # proxies are for what is elsewhere
        session.max_redirects = 0  # a secret goes where it was meant to go, or nowhere
        session.register_compliance_hook("access_token_response", _check_exchange)
        return session

    def _exchange(self, session: OAuth2Session, code: str, code_verifier: str) -> None:
        try:
            session.fetch_token(
                f"{self._url}/login/oauth/access_token",
                code=code,
                code_verifier=code_verifier,
                client_secret=self._client_secret,
                include_client_id=True,
                timeout=self._timeout,
            )
        except OAuth2Error as error:
            raise _refusal(error) from None

    def _get(self, session: OAuth2Session, path: str) -> Response:
        return session.get(self._api_url + path, timeout=self._timeout)


def _check_exchange(response: Response) -> Response:
    """Lets through answers only: oauthlib reads anything, also the page of a proxy that failed."""
    _read("access_token", response, _EXCHANGE)
    return response


def _read(call: str, response: Response, shape: TypeAdapter[T]) -> T:
    if response.status_code != _OK:
        raise _failure(call, f"status {response.status_code}", _wait(response))
    try:
        return shape.validate_json(response.content)
    except ValidationError:
        raise _failure(call, "malformed answer") from None


def _primary(account: _Account, response: Response) -> str:
    """Returns the primary e-mail address, which must be verified."""
    if response.status_code == _NOT_FOUND:  # GitHub's way to say that the token may not ask
        raise NoVerifiedEmail(account.id)
    for email in _read("emails", response, _EMAILS):
        if email.primary and email.verified:
            return email.email
    raise NoVerifiedEmail(account.id)


def _wait(response: Response) -> float | None:
    """Returns the seconds that GitHub asks us to wait, if it does."""
    if response.status_code not in _RATE_LIMITED:
        return None
    headers = response.headers
    try:
        if "Retry-After" in headers:
            seconds = float(headers["Retry-After"])
        else:
            seconds = float(headers["X-RateLimit-Reset"]) - time.time()
    except (KeyError, ValueError):
        return None
    return min(max(seconds, 1), _LONGEST_WAIT)


def _refusal(error: OAuth2Error) -> Exception:
    if error.error == "bad_verification_code":
        return Unauthenticated("GitHub does not take this login any more; start again at /login.")
    if error.error == "unverified_user_email":
        return NoVerifiedEmail()
    logger.error("github_refuses_us", error=error.error)  # our secret or our callback is wrong
    return Unavailable("GitHub does not let this application log anybody in now.")


def _failure(call: str, reason: str, wait: float | None = None) -> _Failure:
    logger.warning("github_unavailable", call=call, reason=reason)
    if wait is None:
        return _Failure(
            "GitHub does not answer as it should; try to log in again later.", retry_after=1
        )
    return _Failure(
        "GitHub takes no more questions from us for now; try to log in again in "
        f"{ceil(wait / 60)} min.",
        retry_after=wait,
    )
