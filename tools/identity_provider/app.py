"""The Flask application: puts the endpoints together, and adds what every answer has."""

import time

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from tools.identity_provider.accounts import AccountStore
from tools.identity_provider.api import ApiEndpoints
from tools.identity_provider.authorize import AuthorizeEndpoint
from tools.identity_provider.config import ProviderConfig
from tools.identity_provider.control import ControlEndpoints
from tools.identity_provider.exchange import ExchangeEndpoint
from tools.identity_provider.failures import api_error
from tools.identity_provider.faults import Faults
from tools.identity_provider.grants import Grants
from tools.identity_provider.logs import log
from tools.identity_provider.pages import problem_page

HEALTH_PATH = "/healthz"
_LARGEST_BODY = 64 * 1024


def create_app(
    config: ProviderConfig,
    accounts: AccountStore,
    grants: Grants,
    faults: Faults,
) -> Flask:
    """The provider as a WSGI application."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=_LARGEST_BODY, TRUSTED_HOSTS=config.trusted_hosts)
    api = ApiEndpoints(config, accounts, grants, faults)
    app.register_blueprint(AuthorizeEndpoint(config, accounts, grants).blueprint())
    app.register_blueprint(ExchangeEndpoint(config, grants, faults).blueprint())
    app.register_blueprint(api.blueprint("api", ""))
    app.register_blueprint(api.blueprint("enterprise-api", "/api/v3"))
    app.register_blueprint(ControlEndpoints(accounts, faults).blueprint())
    app.add_url_rule(HEALTH_PATH, view_func=_healthz)
    app.before_request(_start_clock)
    app.after_request(_finish)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _healthz() -> Response:
    return jsonify({"status": "ok"})


def _start_clock() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Frame-Options"] = "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if request.path != HEALTH_PATH:
        _log_request(response)
    return response


def _log_request(response: Response) -> None:
    # The path only: queries carry codes and states.
    log(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        duration_ms=round((time.perf_counter() - g.started) * 1000, 1),
    )


def _http_error(error: HTTPException) -> Response:
    status, text = error.code or 500, error.description or error.name
    if request.path.startswith("/login/"):
        response = problem_page(status, text)
    else:
        response = api_error(status, "Not Found" if status == 404 else text)
    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())
    return response
