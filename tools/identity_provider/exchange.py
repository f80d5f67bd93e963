"""The exchange of an authorization code for a token, the second step of GitHub's OAuth web flow.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#2-users-are-redirected-back-to-your-site-by-github
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from tools.identity_provider.config import ProviderConfig
from tools.identity_provider.failures import failure_headers
from tools.identity_provider.faults import REFUSALS, Faults
from tools.identity_provider.grants import (
    BadVerificationCode,
    ExchangeRefused,
    Grants,
    IncorrectClientCredentials,
)
from tools.identity_provider.pages import problem_page


class ExchangeEndpoint:
    """`/login/oauth/access_token` of one registered application."""

    def __init__(self, config: ProviderConfig, grants: Grants, faults: Faults) -> None:
        self._config = config
        self._grants = grants
        self._faults = faults

    def blueprint(self) -> Blueprint:
        """The route."""
        blueprint = Blueprint("exchange", __name__)
        blueprint.add_url_rule(
            "/login/oauth/access_token", view_func=self.access_token, methods=["POST"]
        )
        return blueprint

    def access_token(self) -> Response:
        """Exchange a code for a token; GitHub answers 200 to a refusal, too."""
        fault = self._faults.strike("access_token")
        if fault and fault.status:
            page = problem_page(fault.status, "An injected fault.")
            page.headers.update(failure_headers(fault.status))
            return page
        try:
            if fault and fault.error:
                raise REFUSALS[fault.error]
            return _encoded(self._exchange(_fields()))
        except ExchangeRefused as refusal:
            return _encoded(
                {
                    "error": refusal.error,
                    "error_description": refusal.description,
                    "error_uri": refusal.uri,
                }
            )

    def _exchange(self, fields: Mapping[str, str]) -> dict[str, str]:
        if not self._is_our_client(fields):
            raise IncorrectClientCredentials
        if not (code := fields.get("code")):
            raise BadVerificationCode
        token, access = self._grants.exchange(
            code, fields.get("redirect_uri"), fields.get("code_verifier")
        )
        return {"access_token": token, "scope": ",".join(access.scopes), "token_type": "bearer"}

    def _is_our_client(self, fields: Mapping[str, str]) -> bool:
        """Whether the application proves who it is, in the body or by HTTP basic authentication."""
        basic = request.authorization
        client_id = fields.get("client_id") or (basic and basic.username) or ""
        secret = fields.get("client_secret") or (basic and basic.password) or ""
        return hmac.compare_digest(
            f"{client_id}\0{secret}".encode(),
            f"{self._config.client_id}\0{self._config.client_secret}".encode(),
        )


def _fields() -> dict[str, str]:
    """The parameters, from wherever GitHub takes them: the query, a form or JSON."""
    body = request.get_json(silent=True)
    fields = {**request.args.to_dict(), **request.form.to_dict()}
    if isinstance(body, dict):
        # What is not printable is nothing we issued, and half a surrogate cannot even be hashed.
        fields |= {k: v for k, v in body.items() if isinstance(v, str) and v.isprintable()}
    return fields


def _encoded(answer: dict[str, str]) -> Response:
    if "application/json" in request.headers.get("Accept", ""):
        return jsonify(answer)
    return Response(urlencode(answer), mimetype="application/x-www-form-urlencoded")
