"""Tests on containers run when they are asked for: most machines have no Docker engine."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests on containers, unless ``-m`` speaks of them."""
    if "containers" in config.getoption("-m"):
        return
    left_out = [item for item in items if item.get_closest_marker("containers")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
