"""Some tests run when they are asked for: what they need is not on every machine, or takes long."""

from typing import Final

import pytest

_ON_REQUEST: Final = ("containers", "tls")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests with these marks, unless ``-m`` speaks of them."""
    marks = [mark for mark in _ON_REQUEST if mark not in config.getoption("-m")]
    left_out = [item for item in items if any(map(item.get_closest_marker, marks))]
    items[:] = [item for item in items if not any(map(item.get_closest_marker, marks))]
    config.hook.pytest_deselected(items=left_out)
