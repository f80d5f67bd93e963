"""The control endpoints below `/_local`: what GitHub's own pages, or its bad days, would do.

They exist in this provider only, are open to whoever reaches it, and are one more reason why it
must never be reachable from elsewhere. Bodies must be `application/json`, which no web page can
send here without a permission that is never given (CORS).
"""

from dataclasses import asdict
from typing import Any, cast

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import UnprocessableEntity

from tools.identity_provider.accounts import (
    Account,
    AccountChanges,
    AccountError,
    AccountStore,
    InvalidLogin,
    LoginTaken,
    UnknownAccount,
)
from tools.identity_provider.faults import Fault, Faults, InvalidFault

_ACCOUNT_FIELDS: dict[str, tuple[type, ...]] = {
    "name": (str, type(None)),
    "email": (str,),
    "email_public": (bool,),
    "email_verified": (bool,),
}
_ANSWERS: dict[type[AccountError], tuple[int, str]] = {
    InvalidLogin: (422, "is not a username"),
    LoginTaken: (422, "is already taken"),
    UnknownAccount: (404, "is nobody's username"),
}


class ControlEndpoints:
    """Accounts to look at, change and rename, and faults to plan."""

    def __init__(self, accounts: AccountStore, faults: Faults) -> None:
        self._accounts = accounts
        self._faults = faults

    def blueprint(self) -> Blueprint:
        """The routes, and how their errors are answered."""
        blueprint = Blueprint("control", __name__, url_prefix="/_local")
        blueprint.add_url_rule("/accounts", view_func=self.list_accounts)
        blueprint.add_url_rule("/accounts/<login>", view_func=self.put_account, methods=["PUT"])
        blueprint.add_url_rule("/accounts/<login>/rename", view_func=self.rename, methods=["POST"])
        blueprint.add_url_rule("/faults", view_func=self.plan_fault, methods=["POST"])
        blueprint.add_url_rule("/faults", view_func=self.clear_faults, methods=["DELETE"])
        blueprint.register_error_handler(AccountError, _account_error)
        blueprint.register_error_handler(InvalidFault, _invalid_fault)
        return blueprint

    def list_accounts(self) -> Response:
        """Every account, oldest first."""
        return jsonify([asdict(account) for account in self._accounts.all()])

    def put_account(self, login: str) -> Response:
        """Change an account, made now if nobody has the login."""
        changes = _account_changes(_document())
        self._accounts.obtain(login)
        return _shown(self._accounts.change(login, **changes))

    def rename(self, login: str) -> Response:
        """Give the account another login, as its owner can on GitHub's settings page."""
        new_login = _document().get("login")
        if not isinstance(new_login, str):
            raise UnprocessableEntity("login must be a text")
        return _shown(self._accounts.rename(login, new_login))

    def plan_fault(self) -> tuple[Response, int]:
        """Let an endpoint fail."""
        fault = Fault.from_document(_document())
        self._faults.plan(fault)
        return jsonify(asdict(fault)), 201

    def clear_faults(self) -> tuple[str, int]:
        """Let every endpoint be well again."""
        self._faults.clear()
        return "", 204


def _document() -> dict[str, Any]:
    """The JSON object in the body; Flask answers 415 to another type and 400 to bad JSON."""
    document = request.get_json()
    if not isinstance(document, dict):
        raise UnprocessableEntity("the body must be a JSON object")
    return document


def _account_changes(document: dict[str, Any]) -> AccountChanges:
    for field, value in document.items():
        if not isinstance(value, _ACCOUNT_FIELDS.get(field, ())):
            raise UnprocessableEntity(f"{field} cannot be set to that")
    return cast("AccountChanges", document)


def _shown(account: Account) -> Response:
    return jsonify(asdict(account))


def _account_error(error: AccountError) -> tuple[Response, int]:
    status, text = _ANSWERS[type(error)]
    return jsonify({"message": f"{error.login} {text}", "status": str(status)}), status


def _invalid_fault(error: InvalidFault) -> tuple[Response, int]:
    return jsonify({"message": str(error), "field": error.field, "status": "422"}), 422
