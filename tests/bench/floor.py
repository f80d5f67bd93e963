"""The floors under the measurements: the same server and framework, without anything around them.

``constant`` answers what it was given; ``page`` answers with the rows of a query; ``pass-on``
answers with what another server answers. The last two are the platform's two hops, bare.
"""

import json
import sys
import threading
from io import BytesIO
from typing import Any

import psycopg
import pycurl
from flask import Flask, Response

from delinkcious.http.server import WsgiServer

JSON = "application/json"


def constant(given: bytes) -> Flask:
    """Answers a constant."""
    app = Flask(__name__)

    @app.get("/")
    def answer() -> Response:
        return Response(given, content_type=JSON)

    return app


def page(given: bytes) -> Flask:
    """Answers with the first column of a query, by a connection of each thread."""
    wanted: dict[str, Any] = json.loads(given)
    statement = wanted["sql"].encode()
    local = threading.local()
    app = Flask(__name__)

    @app.get("/")
    def answer() -> Response:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(
                wanted["database"], autocommit=True, prepare_threshold=1
            )
        rows = local.connection.execute(statement, wanted["parameters"]).fetchall()
        return Response(f"[{','.join(row[0] for row in rows)}]", content_type=JSON)

    return app


def pass_on(given: bytes) -> Flask:
    """Answers what is answered at another URL, by a connection of each thread."""
    local = threading.local()
    app = Flask(__name__)

    @app.get("/")
    def answer() -> Response:
        if not hasattr(local, "curl"):
            local.curl = pycurl.Curl()
            local.curl.setopt(pycurl.NOSIGNAL, 1)
            local.curl.setopt(pycurl.URL, given.decode())
        body = BytesIO()
        local.curl.setopt(pycurl.WRITEDATA, body)
        local.curl.perform()
        return Response(body.getvalue(), content_type=JSON)

    return app


APPS = {"constant": constant, "page": page, "pass-on": pass_on}


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    port, threads, processor = map(int, numbers)
    app = APPS[what](sys.stdin.buffer.read())
    WsgiServer(app, "127.0.0.1", port, threads=threads, processor=processor).run()
