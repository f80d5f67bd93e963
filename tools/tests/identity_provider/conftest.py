from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.tests.identity_provider.running import RunningProvider, running_provider


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[RunningProvider]:
    """A running provider with the accounts it begins with."""
    with running_provider(tmp_path) as provider:
        yield provider


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib refuses to send secrets over http, which is all there is on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
