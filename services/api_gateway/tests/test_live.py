"""What may change while the gateway runs."""

from pathlib import Path

import pytest

from api_gateway.config import GatewaySettings
from api_gateway.features import Features
from api_gateway.limits import Limits, rate
from api_gateway.live import LiveGatewaySettings, live_settings
from delinkcious.config import ConfigurationError
from delinkcious.live import Change, Live


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    for name, value in {
        "GITHUB_CLIENT_ID": "id",
        "GITHUB_CLIENT_SECRET": "secret",
        "SECRET_KEY": "k" * 32,
        "LIMIT_USER": "7/second",
    }.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings.load()


def test_the_environment_holds_as_long_as_no_file_says_otherwise(settings: GatewaySettings) -> None:
    live = live_settings(settings)
    assert live.limits == settings.limits
    assert live.limits.user == rate("7/second")
    assert live.features == Features()


def test_limits_and_features_change(settings: GatewaySettings, tmp_path: Path) -> None:
    file = tmp_path / "live.yaml"
    changes: list[Change] = []
    file.write_text("")
    live = Live(live_settings(settings), file)
    live.on_change(changes.extend)
    file.write_text("limits: {login: 3/minute}\nfeatures: {imports: false}")
    live.look()
    assert live.current.limits == Limits(user=rate("7/second"), login=rate("3/minute"))
    assert live.current.features == Features(imports=False)
    assert changes == [
        Change("limits.login", "30/minute", "3/minute"),
        Change("features.imports", True, False),
    ]


def test_a_limit_that_does_not_change_is_counted_on(
    settings: GatewaySettings, tmp_path: Path
) -> None:
    """What a process has taken of it in advance is kept for the very limit (`limits_leases`)."""
    file = tmp_path / "live.yaml"
    file.write_text("")
    live = Live(live_settings(settings), file)
    before = live.current.limits
    file.write_text("limits: {login: 3/minute}")
    live.look()
    assert live.current.limits.login != before.login
    assert live.current.limits.user is before.user


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("limits: {login: 0/minute}", "limits.login"),
        ("limits: {login: 30/fortnight}", "limits.login"),
        ("limits: {login: 30}", "limits.login"),
        ("limits: {login: true}", "limits.login"),
        ("limits: {logins: 30/minute}", "limits.logins"),
        ("limits: 30/minute", "limits"),
        ("features: {links: false}", "features.links"),
    ],
)
def test_a_wrong_limit_is_named(tmp_path: Path, content: str, name: str) -> None:
    file = tmp_path / "live.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        Live(LiveGatewaySettings(), file)
    assert str(caught.value).startswith(f"LIVE_CONFIG_FILE: {file}: {name}: ")
