"""The whole platform, started once for all end-to-end tests, as ``make run`` starts it."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.support.api import Api
from tests.support.stack import Stack
from tests.support.web import website
from tests.support.witness import Witness

_LAST = "tests/e2e/test_secrets.py"
"""Looks at what all the others have left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder."""
    for item in items:
        if item.nodeid.startswith("tests/e2e/"):
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: item.nodeid.startswith(_LAST))


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


@pytest.fixture(scope="session")
def web() -> Iterator[str]:
    """A web server: page ``/404/anything`` answers 404, and so on; ``?title=`` is its title."""
    with website() as url:
        yield url


@pytest.fixture
def page(web: str) -> Callable[..., str]:
    """Gives the URL of a page that nobody has saved yet and that answers with a status."""

    def new(status: int = 200, title: str = "") -> str:
        query = f"?{urlencode({'title': title})}" if title else ""
        return f"{web}/{status}/{uuid4().hex}{query}"

    return new
