"""The whole platform in containers, started once for all tests of this folder by ``make up``."""

import shutil
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.e2e.conftest import page
from tests.support.api import Api
from tests.support.compose import ComposeStack, machine
from tests.support.web import website

__all__ = ["page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need the containers."""
    for item in items:
        if item.nodeid.startswith("tests/compose/") and "stack" in _fixtures(item):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(600))


def _fixtures(item: pytest.Item) -> list[str]:
    names: list[str] = getattr(item, "fixturenames", [])
    return names


@pytest.fixture(scope="session")
def stack() -> Iterator[ComposeStack]:
    """The platform that the tests share."""
    assert shutil.which("docker"), "these tests need a Docker engine"
    stack = ComposeStack()
    try:
        stack.start()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def user(stack: ComposeStack) -> Callable[[str], Api]:
    """Logs in somebody new whose name begins as given, so that tests do not meet."""

    def login(name: str) -> Api:
        return Api.login(stack.gateway, f"{name}-{uuid4().hex[:8]}")

    return login


@pytest.fixture(scope="session")
def web() -> Iterator[str]:
    """The web server of the scenarios, where containers find it."""
    with website(machine()) as url:
        yield url
