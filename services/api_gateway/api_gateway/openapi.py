"""The OpenAPI document of the public API: what `delinkcious.http.openapi` makes, and what only the
gateway knows: who may call what, how they show it, what paths hold, and examples.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from pydantic import TypeAdapter

from api_gateway import csrf
from api_gateway.authentication import ACCESS_TOKEN_HEADER
from api_gateway.cookies import session_cookie
from api_gateway.examples import EXAMPLES
from api_gateway.policy import Policy, Who, policy_of
from delinkcious.errors import (
    DelinkciousError,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from delinkcious.http import openapi
from delinkcious.http.app import RestApp
from delinkcious.schemas.common import Username

Node = dict[str, Any]

_DESCRIPTION: Final = """\
Save links, have them checked, follow people, and read what they save.

JSON in and out, UTF-8, times in RFC 3339 and UTC. Lists come in pages: pass on the token of one
page to get the next. Whatever goes wrong is answered with a problem document (RFC 9457) that names
the fields at fault.

Only what is refused before it is a request has an answer without a body: 400 is not HTTP, 414 has
an address of more than 64 KiB, 431 more than 100 headers, or 80 KiB before its body; and who takes
more than ten seconds to send all that is cut off."""

_TAGS: Final = {
    "Login": "Log in with GitHub, and out again.",
    "Links": "Your links and tags, and the public links of others.",
    "Files": "Import links from files, and export them.",
    "People": "Whom you follow, and who follows you.",
    "News": "What those whom you follow save.",
    "Account": "Your account, and tokens for your programs.",
}

_BEARER: Final = "bearer"
_ACCESS_TOKEN: Final = "accessToken"
_SESSION: Final = "session"
_REQUESTED_WITH: Final = "requestedWith"

_SECURITY_SCHEMES: Final[Node] = {
    _BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a login (`dls_…`), or an API token (`dlt_…`).",
    },
    _ACCESS_TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": ACCESS_TOKEN_HEADER,
        "description": "The same, in a header of its own.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "description": "What a browser has after a login; on https its name begins with `__Host-`.",
    },
    _REQUESTED_WITH: {
        "type": "apiKey",
        "in": "header",
        "name": csrf.HEADER,
        "description": "Whatever you like, from a script of a page of this site: proof that no "
        "other site has a browser send its cookie. A form sends the field "
        f"`{csrf.FIELD}` instead.",
    },
}
_CHALLENGE: Final[Node] = {"WWW-Authenticate": {"schema": {"type": "string"}}}

_LIMITED: Final[Node] = {
    "Retry-After": {
        "description": "Seconds after which to come again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Policy": {
        "description": "The limits that the request counted for: how many (q) in so many seconds "
        "(w). See draft-ietf-httpapi-ratelimit-headers.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "How many of each are left (r), and in how many seconds there are more (t).",
        "schema": {"type": "string"},
    },
}

_TOO_SLOW: Final[Node] = {"description": "The body was too slow to come."}

_PATH_PARAMETERS: Final[dict[str, Node]] = {
    "username": TypeAdapter(Username).json_schema(),
    "secret": {"type": "string", "examples": ["dlf_…"]},
    "token_id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [7]},
    "session_id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [3]},
    "deletion_id": {
        "type": "string",
        "format": "uuid",
        "examples": ["6f9619ff-8b86-4011-b42d-00c04fc964ff"],
    },
    "import_id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [12]},
    "name": {
        "type": "string",
        "description": "of the tag; percent-encoded, a slash too",
        "examples": ["python"],
    },
}
_CONVERTER: Final = re.compile(r"<(?:[^<:]+:)?([^>]+)>")


def install(app: RestApp, public_url: str = "") -> None:
    """Has the application answer with the completed document.

    Args:
        public_url: how browsers reach us; empty, if we were not told.
    """
    cookie = {"name": session_cookie(secure=public_url.startswith("https:"))}
    app.info = {"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}}
    app.tags = [{"name": name, "description": text} for name, text in _TAGS.items()]
    app.security_schemes = {**_SECURITY_SCHEMES, _SESSION: _SECURITY_SCHEMES[_SESSION] | cookie}
    app.spec_processor(lambda document: _complete(app, document))


def _complete(app: RestApp, document: Any) -> Any:
    views = _views(app)
    for path, method, operation in openapi.operations(document):
        if policy := policy_of(views[path, method]):
            _say_who_may_call(operation, method, policy)
        _say_that_it_is_limited(operation)
        if "requestBody" in operation:
            operation["responses"].setdefault("408", dict(_TOO_SLOW))
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["schema"] = _PATH_PARAMETERS[parameter["name"]]
    openapi.complete(document)
    paths = document["paths"]
    document["paths"] = {path: paths[path] for path, _ in views if path in paths}
    for name, example in EXAMPLES.items():
        document["components"]["schemas"][name]["examples"] = [example]
    return document


def _views(app: RestApp) -> dict[tuple[str, str], Callable[..., Any]]:
    """Returns the views by path and method, as OpenAPI writes them."""
    return {
        (_CONVERTER.sub(r"{\1}", rule.rule), method.lower()): app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _say_who_may_call(operation: Node, method: str, policy: Policy) -> None:
    """Says it. The list of a way names the scopes that a token with scopes must have."""
    if policy.who is Who.ANYBODY:
        operation["security"] = []
        return
    scopes = sorted(policy.scopes)
    operation["security"] = [{_BEARER: scopes}, {_ACCESS_TOKEN: scopes}]
    refusals: list[type[DelinkciousError]] = [Unauthenticated]
    by_cookie_in_a_write = policy.cookie and method != "get"
    if policy.cookie:
        proof: Node = {_REQUESTED_WITH: []} if by_cookie_in_a_write else {}
        operation["security"].append({_SESSION: []} | proof)
    if scopes or by_cookie_in_a_write:
        refusals.append(PermissionDenied)
    for status, answer in openapi.problems(*refusals).items():
        answer["headers"] = _CHALLENGE
        operation["responses"].setdefault(str(status), answer)


def _say_that_it_is_limited(operation: Node) -> None:
    for status, answer in openapi.problems(ResourceExhausted).items():
        refusal = operation["responses"].setdefault(str(status), answer)
        refusal["headers"] = refusal.get("headers", {}) | _LIMITED
