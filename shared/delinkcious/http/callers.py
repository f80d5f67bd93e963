"""Who may call an internal endpoint: mutual authentication of REST services.

The check runs before anything of the request is read. An endpoint that the service's table
(`delinkcious.callers`) does not name can be called by nobody.
"""

from typing import Any, Final

from flask import Request

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth, Refusal
from delinkcious.callers import Callers
from delinkcious.errors import PermissionDenied, Unauthenticated
from delinkcious.http import observe, openapi
from delinkcious.http.rest_app import RestApp

_HEADER: Final = f"HTTP_{CALLER_TOKEN_HEADER.upper().replace('-', '_')}"


SECURITY_SCHEMES: Final = {
    "caller": {
        "type": "apiKey",
        "in": "header",
        "name": CALLER_TOKEN_HEADER,
        "description": "The secret that the caller shares with this service.",
    }
}


def describe(document: Any) -> Any:
    """Returns the OpenAPI document of a service completed: every call needs a caller that may."""
    for _, _, operation in openapi.operations(document):
        operation["security"] = [{"caller": []}]
        refusals = openapi.problems(Unauthenticated, PermissionDenied)
        operation["responses"].update({str(status): said for status, said in refusals.items()})
    return openapi.complete(document)


def install(app: RestApp, auth: MutualAuth, allowed: Callers) -> None:
    """Checks the caller of every request that matches a route."""

    def check(request: Request) -> None:
        rule, environ = request.url_rule, request.environ
        if rule is None:
            return
        caller = auth.caller_of(environ.get(_HEADER))
        method = environ["REQUEST_METHOD"]
        call = f"{'GET' if method == 'HEAD' else method} {rule.rule}"
        if caller is None:
            auth.refuse(Refusal(call, None, environ.get("REMOTE_ADDR", "")))
            raise Unauthenticated(
                f"The header {CALLER_TOKEN_HEADER} is missing, or its token is not known here."
            )
        observe.name_caller(environ, caller)
        if auth.enabled and caller not in allowed.get(call, ()):
            auth.refuse(Refusal(call, caller, environ.get("REMOTE_ADDR", "")))
            raise PermissionDenied(f"{caller} may not call this.")

    app.add_gate(check)
