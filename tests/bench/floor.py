"""The floor under every measurement: the same server and framework, answering a constant."""

import sys

from flask import Flask, Response

from delinkcious.http.server import WsgiServer


def create_app(body: bytes) -> Flask:
    """Returns an application that does nothing but answer."""
    app = Flask(__name__)

    @app.get("/")
    def constant() -> Response:
        return Response(body, content_type="application/json")

    return app


if __name__ == "__main__":
    WsgiServer(
        create_app(sys.stdin.buffer.read()), "127.0.0.1", int(sys.argv[1]), threads=int(sys.argv[2])
    ).run()
