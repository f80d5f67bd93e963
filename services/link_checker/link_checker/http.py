"""The HTTP transport of the function: decode, call, encode."""

from flask import Response

from delinkcious.auth import MutualAuth
from delinkcious.http.app import RestApp, create_app, json_response
from delinkcious.http.decode import JSON, reads
from delinkcious.info import version_of
from link_checker.callers import CALLERS
from link_checker.function import CheckedLink, CheckLink, LinkCheckFunction


def create_function_app(function: LinkCheckFunction, auth: MutualAuth) -> RestApp:
    """Returns the application that serves the function."""
    app = create_app(
        __name__,
        title="Link checker",
        version=version_of("link-checker"),
        auth=auth,
        allowed=CALLERS,
    )

    @app.post("/")
    @reads(app, CheckLink, JSON)
    @app.output(CheckedLink)
    def check_link(wanted: CheckLink) -> Response:
        return json_response(function(wanted).model_dump())

    return app
