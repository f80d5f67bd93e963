"""The part of GitHub's REST API that a login needs: who the bearer of a token is.

It is served at the root, where `GITHUB_API_URL` = this provider's address finds it, and under
`/api/v3`, where GitHub Enterprise has it.
"""

import base64
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from tools.identity_provider.accounts import Account, AccountStore
from tools.identity_provider.config import ProviderConfig
from tools.identity_provider.failures import (
    DOCUMENTATION,
    api_error,
    injected_failure,
    rate_limit_headers,
)
from tools.identity_provider.faults import Faults
from tools.identity_provider.grants import Access, Grants
from tools.identity_provider.scopes import EMAIL_SCOPES

_USER_DOCUMENTATION = f"{DOCUMENTATION}/users/users#get-the-authenticated-user"
_EMAIL_DOCUMENTATION = (
    f"{DOCUMENTATION}/users/emails#list-email-addresses-for-the-authenticated-user"
)
_NO_USER_AGENT = (
    "Request forbidden by administrative rules. "
    "Please make sure your request has a User-Agent header."
)


class ApiEndpoints:
    """`/user` and `/user/emails`."""

    def __init__(
        self, config: ProviderConfig, accounts: AccountStore, grants: Grants, faults: Faults
    ) -> None:
        self._config = config
        self._accounts = accounts
        self._grants = grants
        self._faults = faults

    def blueprint(self, name: str, url_prefix: str) -> Blueprint:
        """The routes, below a prefix."""
        blueprint = Blueprint(name, __name__, url_prefix=url_prefix or None)
        blueprint.add_url_rule("/user", view_func=self.user)
        blueprint.add_url_rule("/user/emails", view_func=self.emails)
        blueprint.add_url_rule("/avatars/u/<int:account_id>", view_func=self.avatar)
        return blueprint

    def user(self) -> Response:
        """The account of the token."""
        return self._answer("user", (), _USER_DOCUMENTATION, _user)

    def emails(self) -> Response:
        """Its addresses; a token that may not see them gets 404, as everywhere on GitHub."""
        return self._answer("emails", EMAIL_SCOPES, _EMAIL_DOCUMENTATION, _emails)

    def avatar(self, account_id: int) -> Response:
        """The picture of whoever has this id: a disc of a colour of its own."""
        picture = render_template("avatar.svg", hue=account_id * 47 % 360)
        return Response(picture, mimetype="image/svg+xml")

    def _answer(
        self,
        endpoint: str,
        accepted: tuple[str, ...],
        documentation: str,
        render: Callable[[Account], Any],
    ) -> Response:
        if not request.headers.get("User-Agent"):
            return Response(_NO_USER_AGENT, 403, mimetype="text/plain")
        fault = self._faults.strike(endpoint)
        if fault and fault.status:
            return injected_failure(fault.status)
        if not (authorization := request.headers.get("Authorization")):
            return api_error(401, "Requires authentication", documentation)
        if (access := self._access(authorization)) is None:
            return api_error(401, "Bad credentials")
        if accepted and not set(accepted) & set(access.scopes):
            response = api_error(404, "Not Found", documentation)
        else:
            response = jsonify(render(self._accounts.get(access.account_id)))
        response.headers.update(self._headers(access, accepted))
        return response

    def _access(self, authorization: str) -> Access | None:
        scheme, _, token = authorization.partition(" ")
        return self._grants.access(token.strip()) if scheme.lower() in {"bearer", "token"} else None

    def _headers(self, access: Access, accepted: tuple[str, ...]) -> dict[str, str]:
        return {
            "X-OAuth-Scopes": ", ".join(access.scopes),
            "X-Accepted-OAuth-Scopes": ", ".join(accepted),
            "X-OAuth-Client-Id": self._config.client_id,
            "X-GitHub-Media-Type": "github.v3; format=json",
            "Cache-Control": "private, max-age=60, s-maxage=60",
            **rate_limit_headers(used=1),
        }


def _user(account: Account) -> dict[str, Any]:
    html_url = f"{request.host_url}{account.login}"
    url = f"{request.host_url}api/v3/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": base64.b64encode(f"04:User{account.id}".encode()).decode(),
        "avatar_url": f"{request.host_url}avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": html_url,
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": "User",
        "user_view_type": "public",
        "site_admin": False,
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": account.email if account.email_public else None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "notification_email": account.email if account.email_public else None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


def _emails(account: Account) -> list[dict[str, Any]]:
    """The address GitHub makes for everyone comes first: clients must look for the primary one."""
    primary = {
        "email": account.email,
        "primary": True,
        "verified": account.email_verified,
        "visibility": "public" if account.email_public else "private",
    }
    if not account.email_verified:
        return [primary]
    return [_noreply(account), primary]


def _noreply(account: Account) -> dict[str, Any]:
    return {
        "email": f"{account.id}+{account.login}@users.noreply.github.com",
        "primary": False,
        "verified": True,
        "visibility": None,
    }
