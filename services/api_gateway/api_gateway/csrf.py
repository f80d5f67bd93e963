"""Writes with the session cookie must come from a page of ours.

A browser sends the cookie by itself, also when another site has it send the request. So what the
cookie is to change must pass twice (OWASP, "Cross-Site Request Forgery Prevention"; ADR-0039):

1. Where it comes from. Browsers say so themselves, in `Sec-Fetch-Site`, or else in `Origin`; no
   page can change what they say.
2. A sign that only our own pages can give: a header that no form can send, and no other site's
   script without our leave, or, for forms without scripts, a token that belongs to the session.

Neither is asked of requests that show a token in a header, which no browser sends by itself.
"""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs

from flask import Response, g, request
from pydantic import BaseModel

from api_gateway.base_url import origin
from api_gateway.policy import authenticated
from delinkcious.errors import PermissionDenied
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import NOT_OF_MODELS
from delinkcious.object_model.users import Identity

HEADER: Final = "X-Requested-With"
FIELD: Final = "csrf_token"

_ENVIRON: Final = f"HTTP_{HEADER.upper().replace('-', '_')}"
_MAX_FIELDS: Final = 1_000
_FORM: Final = "application/x-www-form-urlencoded"


class FormTokenSchema(BaseModel):
    """Shows that a form is a page's of this site."""

    csrf_token: str


def add_form_tokens(app: RestApp) -> None:
    """Adds what hands out tokens for forms, and lets forms have the field for them."""
    app.config[NOT_OF_MODELS] = frozenset({FIELD})

    @app.get("/v1/csrf")
    @authenticated()
    @app.output(FormTokenSchema, description="A token; each time another one.")
    @app.doc(tags=["Login"], operation_id="getFormToken")
    def get_form_token(_caller: Identity) -> Response:
        """Get a token for forms.

        For pages without scripts whose forms change something with the session cookie: put it into
        their field `csrf_token`. It is good for as long as the session is.
        """
        return json_response({FIELD: token_for(g.token)})


def token_for(session: str) -> str:
    """Returns a token for the forms of a session: another one each time, so that the length of a
    compressed page tells nothing of it.
    """
    salt = secrets.token_urlsafe(16)
    return f"{salt}.{_signature(session, salt)}"


def is_token_for(session: str, token: str) -> bool:
    """Tells whether a token was made for a session."""
    salt, _, signature = token.partition(".")
    expected = _signature(session, salt)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape"))


def check(session: str, public_url: str) -> None:
    """Lets the current request pass if a page of ours sent it.

    Args:
        session: the token in its cookie.
        public_url: how browsers reach us; empty, if we were not told.

    Raises:
        PermissionDenied: nothing shows that.
    """
    environ: Mapping[str, str] = request.environ
    if not _is_from_here(environ, public_url):
        raise PermissionDenied("The session cookie changes nothing for a page of another site.")
    if environ.get(_ENVIRON) or is_token_for(session, _field()):
        return
    raise PermissionDenied(
        f"To change something with the session cookie, send the header {HEADER}, or in a form "
        f"the field {FIELD}; or show a token in the header Authorization instead."
    )


def _is_from_here(environ: Mapping[str, str], public_url: str) -> bool:
    """Tells whether the browser says nothing to the contrary."""
    if site := environ.get("HTTP_SEC_FETCH_SITE"):
        return site == "same-origin"
    if said := environ.get("HTTP_ORIGIN"):
        return said == origin(public_url)
    return True


def _field() -> str:
    """Returns the token in a form. Forms with files are streams, of which nothing is read here."""
    if request.mimetype != _FORM:
        return ""
    try:  # not Flask's form, which would take the body from who decodes it
        fields = parse_qs(request.get_data(), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return ""
    return fields.get(FIELD.encode(), [b""])[0].decode(errors="replace")


def _signature(session: str, salt: str) -> str:
    # Keyed with what only the browser and we know: no other key is needed, and every replica has it
    key = session.encode("utf-8", "surrogateescape")
    salted = salt.encode("utf-8", "surrogateescape")
    return hmac.new(key, b"csrf:" + salted, sha256).hexdigest()
