"""Who may call an internal endpoint: mutual authentication of REST services.

Each view names its callers with `allow`; the check runs before the request's body is read. A view
that names nobody can be called by nobody, so forgetting it shows at the first call.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import Flask, g, request

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth
from delinkcious.errors import PermissionDenied, Unauthenticated
from delinkcious.http import observe

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "__callers__"
_HEADER: Final = f"HTTP_{CALLER_TOKEN_HEADER.upper().replace('-', '_')}"


def allow(*callers: str) -> Callable[[F], F]:
    """Declares the services that may call a view."""

    def mark(view: F) -> F:
        setattr(view, _ATTRIBUTE, frozenset(callers))
        return view

    return mark


def callers_of(view: Callable[..., Any]) -> frozenset[str]:
    """Returns the services that a view declares."""
    return getattr(view, _ATTRIBUTE, frozenset())


def install(app: Flask, auth: MutualAuth) -> None:
    """Checks the caller of every request that matches a route."""

    def check() -> None:
        rule, environ = request.url_rule, request.environ
        if rule is None:
            return
        caller = auth.caller_of(environ.get(_HEADER))
        if caller is None:
            raise Unauthenticated(
                f"The header {CALLER_TOKEN_HEADER} is missing, or its token is not known here."
            )
        g.caller = caller
        observe.name_caller(environ, caller)
        view = app.view_functions[rule.endpoint]
        if auth.enabled and caller not in callers_of(view):
            raise PermissionDenied(f"{caller} may not call this.")

    app.before_request(check)
