"""The Flask application that every REST service is, without what none of them asks of Flask.

Of what Flask does at each request, half is to look for what nobody here has registered: sessions,
blueprints, hosts and subdomains to match, functions to call at the end. What is overridden is meant
to be, and does as Flask does once somebody registers something (ADR-0052).
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
from apiflask import APIFlask
from flask import Flask, Request, Response, request_tearing_down
from flask.ctx import RequestContext
from flask.globals import request_ctx
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface
from werkzeug.datastructures import EnvironHeaders
from werkzeug.routing import MapAdapter, Rule

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask.typing import ResponseReturnValue

F = TypeVar("F", bound=Callable[..., Any])
Gate = Callable[[Request], None]

_SPEC: Final = "_spec"  # where APIFlask keeps what is said of a view


class _Orjson(JSONProvider):
    def dumps(self, obj: Any, **_options: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return orjson.loads(s)


class _NoSession(SessionInterface):
    """Flask's own session is never used: a login is a token, in a cookie or not."""

    _none: Final = NullSession()

    def open_session(self, _app: Flask, _request: Request) -> NullSession:
        return self._none

    def is_null_session(self, _session: object) -> bool:
        return True


class _Rule(Rule):
    """A route that learns to build URLs when it is first asked for one.

    Werkzeug compiles two functions for that with each route, which is most of the time that an
    application takes to be made; nothing of ours asks.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(super()._compile_builder)

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            return compiled(append_unknown)(rule, **values)

        return build


class _Request(Request):
    """A request whose parts are taken as they are, where there is nothing to decode or to tidy."""

    def __init__(
        self, environ: "WSGIEnvironment", populate_request: bool = True, shallow: bool = False
    ) -> None:
        path = environ["PATH_INFO"]
        usual = path.isascii() and path[:1] == "/" and path[:2] != "//"
        if not usual or environ["SCRIPT_NAME"] or shallow:
            super().__init__(environ, populate_request, shallow)
            return
        self.environ = environ
        self.shallow = shallow
        self.method = environ["REQUEST_METHOD"].upper()
        self.scheme = environ["wsgi.url_scheme"]
        self.server = environ["SERVER_NAME"], int(environ["SERVER_PORT"])
        self.root_path = ""
        self.path = path
        self.query_string = environ["QUERY_STRING"].encode("latin1")
        self.headers = EnvironHeaders(environ)
        self.remote_addr = environ.get("REMOTE_ADDR")
        environ["werkzeug.request"] = self

    def close(self) -> None:
        """Closes the files that were uploaded, if there was a look at them."""
        if "files" in self.__dict__:
            super().close()


class _Context(RequestContext):
    """A request that finds its route by one look, unless the route has parameters."""

    app: "RestApp"

    def match_request(self) -> None:
        if rule := self.app.known_route(self.request):
            self.request.url_rule, self.request.view_args = rule, {}
            return
        super().match_request()
        self.app.remember_route(self.request)


def _only_saying(say: Callable[[F], F]) -> Callable[[F], F]:
    """Returns a decorator of APIFlask without what it wraps around a view to convert its answer."""

    def decorate(view: F) -> F:
        vars(view)[_SPEC] = vars(say(view))[_SPEC]
        return view

    return decorate


class RestApp(APIFlask):
    """A Flask application that documents itself as OpenAPI 3.1.

    Attributes:
        known_routes: those without parameters that were asked for, by method and path.
    """

    json_provider_class = _Orjson
    session_interface = _NoSession()
    url_rule_class = _Rule
    request_class = _Request

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known_routes: dict[tuple[str, str], Rule] = {}
        self._gates: list[Gate] = []

    def add_gate(self, gate: Gate) -> None:
        """Has every request pass a function before its view is called, in the order of adding.

        It is Flask's ``before_request`` for what gets the request rather than looks for it: each
        look costs as much as what is done with it.
        """
        self._gates.append(gate)

    def known_route(self, request: Request) -> Rule | None:
        """Returns the route of a request, if that can be told by its method and path alone."""
        environ = request.environ
        if "HTTP_UPGRADE" in environ:
            return None
        return self.known_routes.get((request.method, environ["PATH_INFO"]))

    def remember_route(self, request: Request) -> None:
        """Remembers the route that was found for a request, unless more than that is to be looked
        at. Werkzeug finds it whatever slashes a path begins with, of which there is no end.
        """
        rule, path = request.url_rule, request.environ["PATH_INFO"]
        hosts_matter = self.config["TRUSTED_HOSTS"] is not None or self.url_map.host_matching
        if rule is not None and rule.rule == path and not rule.arguments and not hosts_matter:
            self.known_routes[request.method, path] = rule

    def output(self, *schema: Any, **options: Any) -> Callable[[F], F]:
        """Says in the OpenAPI document what a view returns, which it returns as a response."""
        return _only_saying(super().output(*schema, **options))

    def doc(self, *said: Any, **more: Any) -> Callable[[F], F]:
        """Says more of a view in the OpenAPI document."""
        return _only_saying(super().doc(*said, **more))

    def ensure_sync(self, func: F) -> F:
        """Returns the function: none of ours is async, and asking each time takes 1 µs."""
        return func

    def request_context(self, environ: "WSGIEnvironment") -> RequestContext:
        """Returns the context that a request is answered in."""
        return _Context(self, environ)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Returns what finds the route of a request. Nothing is left to find for a known one, of
        which the host needs no parsing either.
        """
        if request is None or self.known_route(request) is None:
            return super().create_url_adapter(request)
        return MapAdapter(
            self.url_map,
            server_name=request.environ.get("HTTP_HOST", ""),
            script_name="/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
        )

    def preprocess_request(self) -> "ResponseReturnValue | None":
        """Passes a request through the gates."""
        current = request_ctx.request
        for gate in self._gates:
            gate(current)
        if self.before_request_funcs or self.url_value_preprocessors:
            return super().preprocess_request()
        return None

    def make_response(self, rv: Any) -> Response:
        """Returns what a view returned as a response, which most are."""
        return rv if isinstance(rv, Response) else super().make_response(rv)

    def process_response(self, response: Response) -> Response:
        """Calls what was registered for after the request."""
        # The list that `flask.after_this_request` adds to.
        later = request_ctx._after_request_functions
        if later or self.after_request_funcs:
            return super().process_response(response)
        return response

    def do_teardown_request(self, *error: BaseException | None) -> None:
        """Calls what was registered for the end of the request."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(*error)
