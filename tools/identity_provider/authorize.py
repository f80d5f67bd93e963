"""The authorize page of GitHub's OAuth web flow: who is logging in, and may the application know?

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#1-request-a-users-github-identity
"""

import re
from collections.abc import Mapping

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from tools.identity_provider.accounts import Account, AccountStore, InvalidLogin, UnknownAccount
from tools.identity_provider.config import ProviderConfig
from tools.identity_provider.grants import Grant, Grants, RedirectUriMismatch
from tools.identity_provider.pages import choose_account
from tools.identity_provider.redirects import is_registered, origin, with_query
from tools.identity_provider.scopes import normalised

_ERRORS = (
    "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/"
)
_DENIED = "The user has denied your application access."
_BAD_CHALLENGE = (
    "The code_challenge must be 43 characters of base64url, and code_challenge_method S256."
)
_WRONG_LOGIN = "That is not a username: use letters, digits and single hyphens between them."
_NO_SIGNUP = "Nobody has that username, and this application does not let new people sign up."
_CARRIED = (
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "allow_signup",
    "code_challenge",
    "code_challenge_method",
)


class AuthorizeEndpoint:
    """`/login/oauth/authorize` of one registered application."""

    def __init__(self, config: ProviderConfig, accounts: AccountStore, grants: Grants) -> None:
        self._config = config
        self._accounts = accounts
        self._grants = grants

    def blueprint(self) -> Blueprint:
        """The route, for the first request and for the page's answer."""
        blueprint = Blueprint("authorize", __name__)
        blueprint.add_url_rule(
            "/login/oauth/authorize", view_func=self.authorize, methods=["GET", "POST"]
        )
        return blueprint

    def authorize(self) -> Response:
        """Ask who is logging in, or, once that is known, send the browser back with a code."""
        asked: Mapping[str, str] = request.form if request.method == "POST" else request.args
        if asked.get("client_id") != self._config.client_id:
            abort(404, "No application has this client_id.")
        if refusal := self._refusal(asked):
            return refusal
        login = asked.get("login", "").strip()
        if not login or asked.get("prompt") == "select_account":
            return self._choose(asked, login)
        return self._approve(asked, login)

    def _refusal(self, asked: Mapping[str, str]) -> Response | None:
        """The redirect that says why there is no code: a wrong request, or a user who denied it."""
        if (given := asked.get("redirect_uri")) and not is_registered(given, self._config.callback):
            return self._send_back(
                self._config.callback,
                asked,
                "redirect_uri_mismatch",
                RedirectUriMismatch.description,
            )
        if not _is_pkce(asked):
            return self._send_back(
                self._redirect_uri(asked), asked, "invalid_request", _BAD_CHALLENGE
            )
        if asked.get("deny"):
            return self._send_back(self._redirect_uri(asked), asked, "access_denied", _DENIED)
        return None

    def _send_back(
        self, where: str, asked: Mapping[str, str], error: str, description: str
    ) -> Response:
        parameters = {
            "error": error,
            "error_description": description,
            "error_uri": f"{_ERRORS}#{error.replace('_', '-')}",
            "state": asked.get("state"),
        }
        return redirect(with_query(where, parameters))

    def _redirect_uri(self, asked: Mapping[str, str]) -> str:
        return asked.get("redirect_uri") or self._config.callback

    def _choose(self, asked: Mapping[str, str], login: str, problem: str | None = None) -> Response:
        return choose_account(
            self._accounts.all(),
            origin(self._redirect_uri(asked)),
            normalised(asked.get("scope", "")),
            {name: asked[name] for name in _CARRIED if name in asked},
            login=login,
            problem=problem,
        )

    def _approve(self, asked: Mapping[str, str], login: str) -> Response:
        try:
            account = self._account(login, may_sign_up=asked.get("allow_signup") != "false")
        except InvalidLogin:
            return self._choose(asked, login, _WRONG_LOGIN)
        except UnknownAccount:
            return self._choose(asked, login, _NO_SIGNUP)
        grant = Grant(
            account_id=account.id,
            scopes=normalised(asked.get("scope", "")),
            redirect_uri=self._redirect_uri(asked),
            code_challenge=asked.get("code_challenge"),
        )
        parameters = {"code": self._grants.issue_code(grant), "state": asked.get("state")}
        return redirect(with_query(grant.redirect_uri, parameters))

    def _account(self, login: str, *, may_sign_up: bool) -> Account:
        if may_sign_up:
            return self._accounts.obtain(login)
        if account := self._accounts.find(login):
            return account
        raise UnknownAccount(login)


def _is_pkce(asked: Mapping[str, str]) -> bool:
    """Whether the PKCE parameters are right, or absent together: GitHub takes S256 only."""
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
    if challenge is None:
        return method is None
    return method == "S256" and re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge) is not None
