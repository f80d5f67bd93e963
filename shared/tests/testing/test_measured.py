"""What a process has measured."""

import pytest
from prometheus_client import REGISTRY

from delinkcious.metrics import SERVER_DURATION
from delinkcious.testing.measured import measured

LABELS = {"method": "GET", "route": "/measured", "status": "200"}


@pytest.mark.parametrize(("part", "value"), [("sum", 3), ("count", 1)])
def test_it_is_what_the_registry_says(part: str, value: float) -> None:
    name = f"http_server_request_duration_seconds_{part}"
    SERVER_DURATION.clear()
    SERVER_DURATION.labels(**LABELS).observe(3)
    assert measured(name, **LABELS) == REGISTRY.get_sample_value(name, LABELS) == value


def test_what_has_not_been_measured_is_none() -> None:
    assert measured("http_server_request_duration_seconds_sum", **LABELS, more="x") is None
    assert measured("nothing_of_the_kind") is None
