"""Databases with a victim in them, and the managers over them."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from api_gateway.app import Managers
from delinkcious.testing.databases import Databases
from tests.injection.attack import settle
from tests.support.platform import Stores, managers, stores


@pytest.fixture(autouse=True)
def _nothing_is_written() -> Iterator[None]:
    """Logs of thousands of requests tell nothing here, and cost more than the requests."""
    with capture_logs():
        yield


@pytest.fixture
def opened(session_databases: Databases) -> Iterator[Stores]:
    with stores(session_databases) as opened:
        yield opened


@pytest.fixture
def over(opened: Stores) -> Managers:
    over = managers(opened)
    settle(over)
    return over
