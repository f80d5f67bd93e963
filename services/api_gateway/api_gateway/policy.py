"""Who may call each endpoint of the public API: one policy, declared on its view.

A view is `public`, or `authenticated` and then gets the `Identity` of its caller as the first
argument. An application with a view that is neither does not start (`api_gateway.authentication`,
which holds requests against this).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, Final, TypeVar

from flask import g

from delinkcious.object_model.users import Identity, Scope

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "__policy__"


class Who(StrEnum):
    """Whom an endpoint is for."""

    ANYBODY = "anybody"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call an endpoint.

    Attributes:
        who: anybody, or whoever shows a session or an API token.
        scopes: what a token that is limited to scopes must have, each of them. Sessions, and tokens
            without scopes, may do everything.
        cookie: whether the session cookie suffices. For what changes something it also takes proof
            that a page of ours sent the request (`api_gateway.csrf`).
    """

    who: Who
    scopes: frozenset[Scope] = frozenset()
    cookie: bool = False

    def missing(self, identity: Identity) -> frozenset[Scope]:
        """Returns the scopes that a caller lacks."""
        if identity.scopes is None:
            return frozenset()
        return self.scopes.difference(identity.scopes)


def public(view: F) -> F:
    """Declares that anybody may call a view."""
    setattr(view, _ATTRIBUTE, Policy(Who.ANYBODY))
    return view


def authenticated(
    *scopes: Scope, cookie: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares that users may call a view, which gets the caller's `Identity` first.

    Args:
        scopes: what a token that is limited to scopes must have, each of them.
        cookie: whether the session cookie suffices.
    """

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def call(**path: Any) -> Any:
            return view(g.identity, **path)

        setattr(call, _ATTRIBUTE, Policy(Who.USER, frozenset(scopes), cookie))
        return call

    return mark


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """Returns what a view declares."""
    return getattr(view, _ATTRIBUTE, None)
