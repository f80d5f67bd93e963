"""The whole platform, started once for all end-to-end tests, as ``make run`` starts it."""

import threading
from collections.abc import Callable, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest

from tests.support.api import Api
from tests.support.stack import Stack
from tests.support.witness import Witness

_LAST = Path(__file__).with_name("test_secrets.py")
"""Looks at what all the others have left."""


@pytest.hookimpl(tryfirst=True)  # xdist looks at the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder, which share one platform and so one process of xdist."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))
    items.sort(key=lambda item: item.path == _LAST)


@pytest.fixture(scope="session", autouse=True)
def witness() -> Iterator[Witness]:
    """Knows every secret that the tests' clients were given."""
    witness = Witness()
    with witness.watching():
        yield witness


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform that the end-to-end tests share."""
    stack = Stack(tmp_path_factory.mktemp("platform") / "local")
    stack.start()
    yield stack
    if stack.running:
        assert stack.stop() == 0


@pytest.fixture
def user(stack: Stack) -> Callable[[str], Api]:
    """Logs in somebody new whose name begins as given, so that tests do not meet."""

    def login(name: str) -> Api:
        return Api.login(stack.gateway, f"{name}-{uuid4().hex[:8]}")

    return login


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(self._begin())

    def do_HEAD(self) -> None:
        self._begin()

    def _begin(self) -> bytes:
        url = urlsplit(self.path)
        (title,) = parse_qs(url.query).get("title", [""])
        body = f"<!doctype html><title>{escape(title)}</title>".encode() if title else b""
        self.send_response(int(url.path.split("/")[1] or 200))
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def web() -> Iterator[str]:
    """A web server: page ``/404/anything`` answers 404, and so on; ``?title=`` is its title."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(web: str) -> Callable[..., str]:
    """Gives the URL of a page that nobody has saved yet and that answers with a status."""

    def new(status: int = 200, title: str = "") -> str:
        query = f"?{urlencode({'title': title})}" if title else ""
        return f"{web}/{status}/{uuid4().hex}{query}"

    return new
