"""The few HTML pages a person sees: choosing an account, and what went wrong.

No scripts and nothing from elsewhere; the Content-Security-Policy of each page says so.
"""

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response, make_response, render_template

from tools.identity_provider.accounts import LOGIN_PATTERN, Account

# Enough to choose from; anyone else's name can be typed.
MOST_CHOICES = 12


def choose_account(
    accounts: Sequence[Account],
    application: str,
    scopes: Sequence[str],
    hidden: Mapping[str, str],
    *,
    login: str = "",
    problem: str | None = None,
) -> Response:
    """The page that asks who is logging in to the application at this origin.

    With a `problem`, the page says what was wrong with the `login` that was typed.
    """
    return _page(
        "choose_account.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        # Browsers apply form-action to the redirect that answers the form too.
        form_action=f"'self' {application}",
        accounts=accounts[:MOST_CHOICES],
        application=application,
        scopes=scopes,
        hidden=hidden,
        login=login,
        login_pattern=LOGIN_PATTERN,
        problem=problem,
    )


def problem_page(status: int, text: str) -> Response:
    """The page for a request that leads nowhere."""
    return _page("problem.html", status, title=HTTPStatus(status).phrase, text=text)


def _page(template: str, status: int, form_action: str = "'none'", **context: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    response = make_response(render_template(template, nonce=nonce, **context), status)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return response
