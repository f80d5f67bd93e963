"""Whatever a test here has services publish must be in the catalogue."""

from collections.abc import AsyncIterator

import pytest

from delinkcious.testing.addresses import NatsAddress
from tests.pipeline import catalogue
from tests.pipeline.published import read_all


@pytest.fixture(autouse=True)
async def _events_as_in_the_catalogue(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Holds what was published during the test against the catalogue."""
    if "nats_address" not in request.fixturenames:
        yield
        return
    address: NatsAddress = request.getfixturevalue("nats_address")
    yield
    wrong = [mistake for event in await read_all(address) for mistake in event.mistakes()]
    assert not wrong, f"not as in {catalogue.DOCUMENT.name}: {wrong[:10]}"
