"""The application answers as Flask itself does, and calls whatever is registered with it."""

from io import BytesIO
from typing import Any

import orjson
import pytest
from flask import Flask, Response, after_this_request, g, request, request_tearing_down
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from delinkcious.http.app import json_response
from delinkcious.http.rest_app import RestApp

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "get"]
PATHS = [
    "/",
    "",
    "*",
    "/things",
    "/things/",
    "//things",
    "/things/7",
    "/things/x",
    "/caf\xe9",
    "/no",
    "/%2F",
]


def seen() -> dict[str, Any]:
    """Returns what a view sees of its request."""
    return {
        "method": request.method,
        "path": request.path,
        "full": request.full_path,
        "url": request.url,
        "host": request.host,
        "root": request.root_path,
        "scheme": request.scheme,
        "server": request.server,
        "address": request.remote_addr,
        "args": request.args.to_dict(flat=False),
        "headers": sorted(request.headers.items()),
        "rule": request.url_rule and request.url_rule.rule,
        "view_args": request.view_args,
        "body": request.get_data(as_text=True),
        "files": sorted(request.files),
    }


def with_views(app: Any) -> Any:
    """Returns an application with some routes."""
    app.add_url_rule("/things", "list", lambda: json_response(seen()), methods=["GET"])
    app.add_url_rule("/things", "add", lambda: json_response(seen(), 201), methods=["POST"])
    app.add_url_rule(
        "/things/<int:number>", "one", lambda number: json_response({**seen(), "number": number})
    )
    app.add_url_rule("/caf\xe9", "place", lambda: json_response(seen()))
    app.add_url_rule("/", "root", lambda: Response("plain"))
    return app


OURS = with_views(RestApp("ours", spec_path=None, docs_path=None, json_errors=False))
FLASKS = with_views(Flask("flasks", static_folder=None))


def answer(app: Any, environ: dict[str, Any]) -> Any:
    """Returns status, headers and body; what a view saw is decoded."""
    chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
    body = b"".join(chunks)
    is_json = body and headers["Content-Type"] == "application/json"
    return status, sorted(headers.items()), orjson.loads(body) if is_json else body


@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    query=st.text(max_size=20),
    mounted=st.sampled_from(["", "/below"]),
    host=st.sampled_from([None, "links.example", "links.example:81", "a b", ""]),
    body=st.binary(max_size=10),
    more=st.sampled_from([{}, {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}]),
)
def test_it_answers_as_flask_does(
    method: str,
    path: str,
    query: str,
    mounted: str,
    host: str | None,
    body: bytes,
    more: dict[str, str],
) -> None:
    """Twice, since routes are remembered; and whatever was asked before, of either."""
    base = f"http://localhost{mounted}/"
    builder = EnvironBuilder(path, base, {"q": query}, method=method, data=body)
    environ = {**builder.get_environ(), **more}
    environ.pop("HTTP_HOST")
    if host is not None:
        environ["HTTP_HOST"] = host
    for _ in range(2):
        asked = [answer(app, {**environ, "wsgi.input": BytesIO(body)}) for app in (OURS, FLASKS)]
        assert asked[0] == asked[1]


@pytest.fixture
def app() -> RestApp:
    app: RestApp = with_views(RestApp("ours", spec_path=None, docs_path=None))
    return app


def test_gates_are_passed_in_their_order_and_may_refuse(app: RestApp) -> None:
    passed: list[str] = []
    app.add_gate(lambda request: passed.append(request.path))

    def refuse(_request: object) -> None:
        raise PermissionError

    app.add_gate(refuse)
    app.add_gate(lambda _request: passed.append("never"))
    app.register_error_handler(PermissionError, lambda _error: ("no", 403))
    assert app.test_client().get("/things").status_code == 403
    assert passed == ["/things"]


def test_what_is_registered_with_flask_is_called(app: RestApp) -> None:
    calls: list[str] = []
    app.before_request(lambda: calls.append("before"))

    @app.after_request
    def after(response: Response) -> Response:
        calls.append("after")
        return response

    app.teardown_request(lambda _error: calls.append("teardown request"))
    app.teardown_appcontext(lambda _error: calls.append("teardown context"))
    with request_tearing_down.connected_to(lambda _app, **_more: calls.append("signal"), app):
        app.test_client().get("/things")
    assert calls == ["before", "after", "teardown request", "signal", "teardown context"]


def test_a_view_may_ask_for_a_look_at_its_response(app: RestApp) -> None:
    @app.get("/marked")
    def marked() -> Response:
        @after_this_request
        def mark(response: Response) -> Response:
            response.headers["X-Mark"] = "yes"
            return response

        return json_response({})

    client = app.test_client()
    assert client.get("/marked").headers["X-Mark"] == "yes"
    assert "X-Mark" not in client.get("/things").headers


def test_nothing_is_left_of_a_request_for_the_next_one(app: RestApp) -> None:
    @app.get("/noted")
    def noted() -> Response:
        before = g.get("note")
        g.note = request.args["note"]
        return json_response({"before": before})

    client = app.test_client()
    for note in ("one", "two"):
        assert client.get(f"/noted?note={note}").json == {"before": None}


def test_uploaded_files_are_closed(app: RestApp) -> None:
    files: list[Any] = []

    @app.post("/files")
    def upload() -> Response:
        files.extend(request.files.values())
        return json_response({"open": [not file.closed for file in files]})

    answer = app.test_client().post("/files", data={"file": (BytesIO(b"x"), "file.html")})
    assert answer.json == {"open": [True]}
    assert [file.closed for file in files] == [True]


def test_only_routes_that_are_there_are_remembered(app: RestApp) -> None:
    client = app.test_client()
    for number in range(50):
        client.get(f"/things/{number}")
        client.get(f"/nothing/{number}")
        client.get("/things")
        client.get("/" * number + "/things")
    assert set(app.known_routes) == {("GET", "/things")}


def test_a_response_that_is_there_as_a_whole_has_its_length(app: RestApp) -> None:
    bodies = [b"", b"{}", b"x" * 100_000]

    @app.get("/whole/<int:number>")
    def whole(number: int) -> Response:
        return json_response(bodies[number])

    for number, body in enumerate(bodies):
        got = app.test_client().get(f"/whole/{number}")
        head = app.test_client().head(f"/whole/{number}")
        assert (got.data, got.headers["Content-Length"]) == (body, str(len(body)))
        assert (head.data, head.headers["Content-Length"]) == (b"", str(len(body)))


def test_whose_hosts_are_looked_at_has_every_request_looked_at() -> None:
    app = with_views(RestApp("ours", spec_path=None, docs_path=None))
    app.config["TRUSTED_HOSTS"] = ["links.example"]
    client = app.test_client()
    for host, status in [("links.example", 200), ("evil.example", 400)] * 2:
        assert client.get("/things", headers={"Host": host}).status_code == status
