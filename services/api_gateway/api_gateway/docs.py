"""The documentation page: the OpenAPI document through a template, without scripts."""

import base64
import hashlib
import re
from functools import cache
from typing import Any, Final

import orjson
from flask import Response, redirect, render_template
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as AnyResponse

from api_gateway import openapi
from api_gateway.docs_model import sections_of
from api_gateway.policy import public
from delinkcious.http.app import RestApp

_CODE: Final = re.compile(r"`([^`]+)`")
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_CACHED: Final = "public, max-age=300"


def install(app: RestApp, public_url: str = "") -> None:
    """Adds `/openapi.json`, `/docs`, and `/` that leads there.

    Args:
        public_url: how browsers reach us; empty, if we were not told.
    """
    openapi.install(app, public_url)
    app.jinja_env.filters["code"] = _code
    public(app.view_functions["openapi.spec"])

    @cache
    def page() -> tuple[str, str]:
        document: Any = app.spec
        html = render_template(
            "docs.html",
            document=document,
            sections=sections_of(document),
            problem=_pretty(document["components"]["schemas"]["Problem"]["examples"][0]),
        )
        return html, _policy(html)

    @app.get("/docs")
    @public
    @app.doc(hide=True)
    def show_docs() -> Response:
        html, policy = page()
        headers = {"Content-Security-Policy": policy, "Cache-Control": _CACHED}
        return Response(html, mimetype="text/html", headers=headers)

    @app.get("/")
    @public
    @app.doc(hide=True)
    def go_to_docs() -> AnyResponse:
        return redirect("/docs")


def _policy(html: str) -> str:
    """Returns the Content-Security-Policy that lets the page have its style and nothing else."""
    style = _STYLE.search(html)
    digest = hashlib.sha256((style[1] if style else "").encode()).digest()
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _code(text: str) -> Markup:
    """Returns a text with what is between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped


def _pretty(example: Any) -> str:
    return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
