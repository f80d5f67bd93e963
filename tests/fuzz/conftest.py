"""Logs of thousands of requests tell nothing here, and cost more than the requests."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _nothing_is_written() -> Iterator[None]:
    with capture_logs():
        yield
