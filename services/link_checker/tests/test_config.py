"""The settings, and what stops the start."""

import pytest

from delinkcious.config import ConfigurationError
from link_checker.config import LinkCheckerSettings
from link_checker.live import live_settings


def test_by_default_nothing_but_the_public_internet_is_allowed() -> None:
    settings = LinkCheckerSettings.load()
    assert (settings.port, settings.link_checker_allowed_networks) == (8070, "")
    assert settings.link_checker_allowed_ports == "80,443,8000,8008,8080,8081,8443,8888"
    assert (settings.link_checker_timeout, settings.link_checker_concurrency) == (10, 32)


def test_networks_are_allowed_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK_CHECKER_ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128")
    monkeypatch.setenv("LINK_CHECKER_ALLOWED_PORTS", "80, 9000-9002")
    settings = LinkCheckerSettings.load()
    live = live_settings(settings)
    assert live.allowed_networks == ("127.0.0.0/8", "::1/128")
    assert live.allowed_ports == ("80", "9000-9002")
    assert settings.redacted()["link_checker_allowed_networks"] == "127.0.0.0/8, ::1/128"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LINK_CHECKER_ALLOWED_NETWORKS", "::1/128,10.0.0.0/99", "'10.0.0.0/99' is not a network"),
        ("LINK_CHECKER_ALLOWED_NETWORKS", "localhost", "'localhost' is not a network"),
        ("LINK_CHECKER_ALLOWED_PORTS", "80,http", "'http' is not a port"),
        ("LINK_CHECKER_TIMEOUT", "0", "greater than 0"),
        ("LINK_CHECKER_TIMEOUT", "3600", "less than or equal to 30"),
        ("LINK_CHECKER_CONCURRENCY", "many", "integer"),
        ("LINK_CHECKER_MAX_PAGE_BYTES", "0", "greater than or equal to 1"),
        ("LINK_CHECKER_MAX_REDIRECTS", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        LinkCheckerSettings.load()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert message in line
