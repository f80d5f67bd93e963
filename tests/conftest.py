"""Which tests run, and where.

Some run when they are asked for: what they need is not on every machine, or takes long. Those of
the whole platform share one, and so one process of xdist; all others go to whichever is free. Where
there are several processes, the tests that wait for servers come first, beside those of the
platform: what is left only computes, and keeps all of them busy to the end.
"""

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_ON_REQUEST: Final = ("containers", "tls")
_PLATFORM: Final = "tests/e2e/"


class _OnePlatform(LoadScopeScheduling):  # type: ignore[misc]
    """What ``--dist loadgroup`` is for; xdist 3.8 notes groups where pytest 9.2 does not look."""

    def _split_scope(self, nodeid: str) -> str:
        return _PLATFORM if nodeid.startswith(_PLATFORM) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Gives the tests of the platform to one process."""
    return _OnePlatform(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests with these marks, unless ``-m`` speaks of them."""
    marks = [mark for mark in _ON_REQUEST if mark not in config.getoption("-m")]
    left_out = {item for item in items if any(map(item.get_closest_marker, marks))}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    if hasattr(config, "workerinput"):  # a process of xdist
        items.sort(key=lambda item: item.get_closest_marker("integration") is None)
