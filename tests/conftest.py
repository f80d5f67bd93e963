"""Which tests run, and where.

Some run when they are asked for: what they need is not on every machine, or takes long. Where
several processes of xdist test, each takes a file at a time, as the tests of a file share what they
start; those of the whole platform share one, and so one process. The platform comes first, then the
files that wait for servers: what is left only computes, and keeps all processes busy to the end.
"""

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_ON_REQUEST: Final = ("containers", "tls")
_PLATFORM: Final = "tests/e2e/"


class _OnePlatform(LoadScopeScheduling):  # type: ignore[misc]
    """What ``--dist loadgroup`` is for; xdist 3.8 notes groups where pytest 9.2 does not look."""

    def _split_scope(self, nodeid: str) -> str:
        return _PLATFORM if nodeid.startswith(_PLATFORM) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Gives files to processes in the order of the tests, and the platform to one process."""
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return _OnePlatform(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests with these marks, unless ``-m`` speaks of them."""
    marks = [mark for mark in _ON_REQUEST if mark not in config.getoption("-m")]
    left_out = {item for item in items if any(map(item.get_closest_marker, marks))}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    if hasattr(config, "workerinput"):  # a process of xdist
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """Which tests come before it: those of the platform are 0, and what needs no server is last."""
    marks = ("e2e", "integration")
    return next((n for n, mark in enumerate(marks) if item.get_closest_marker(mark)), len(marks))
