"""What may change while the link checker runs."""

from pathlib import Path

import pytest

from delinkcious.config import ConfigurationError
from delinkcious.live import Live
from link_checker.checker import Checker
from link_checker.domain import Finding, Outcome
from link_checker.fetch import Fetcher
from link_checker.live import Features, LiveLinkCheckerSettings

from .website import Website


def read(file: Path, content: str) -> LiveLinkCheckerSettings:
    file.write_text(content)
    return Live(LiveLinkCheckerSettings(), file).current


def test_without_a_file_nothing_but_the_public_web_is_open() -> None:
    settings = LiveLinkCheckerSettings()
    assert settings.allowed_networks == ()
    assert settings.policy.permits("8.8.8.8")
    assert not settings.policy.permits("127.0.0.1")
    assert settings.features == Features(titles=True)


def test_the_file_opens_networks_and_ports(tmp_path: Path) -> None:
    content = "allowed_networks: [10.1.0.0/16, 'fd00::/8']\nallowed_ports: [80, 9000-9002]"
    settings = read(tmp_path / "live.yaml", content)
    assert settings.allowed_ports == ("80", "9000-9002")
    assert settings.policy.permits("10.1.2.3")
    assert settings.policy.permits("fd00::1")
    assert not settings.policy.permits("10.2.0.1")
    assert settings.policy.is_of_the_web("example.com", 9001)
    assert not settings.policy.is_of_the_web("example.com", 443)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("allowed_networks: [10.0.0.0/99]", "allowed_networks.0: '10.0.0.0/99' is not a network"),
        ("allowed_networks: ['10.0.0.0/8,::/0']", "is not a network"),
        ("allowed_networks: ['']", "'' is not a network"),
        ("allowed_networks: 10.0.0.0/8", "allowed_networks: "),
        ("allowed_ports: [http]", "allowed_ports.0: 'http' is not a port"),
        ("allowed_ports: [0]", "'0' is not a port"),
        ("allowed_ports: [65536]", "'65536' is not a port"),
        ("allowed_ports: [90-80]", "'90-80' is not a port"),
        ("allowed_ports: [-1]", "'-1' is not a port"),
        ("allowed_ports: [true]", "'True' is not a port"),
        ("allowed_ports: 80", "allowed_ports: "),
    ],
)
def test_a_wrong_network_or_port_is_named(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path / "live.yaml", content)
    assert said in str(caught.value)


def test_checks_go_where_the_settings_of_the_moment_allow(website: Website) -> None:
    page = website.put(b"<title>Hello</title>")
    settings = LiveLinkCheckerSettings()
    fetcher = Fetcher(
        lambda: settings.policy,
        user_agent="test",
        connect_timeout=3,
        max_bytes=1000,
        stop=website.closing,
    )
    checker = Checker(
        fetcher,
        timeout=10,
        max_redirects=5,
        max_page_bytes=1000,
        titles=lambda: settings.features.titles,
    )

    def check() -> Finding:
        return checker.check(page, title_wanted=True)

    assert check() == Finding(Outcome.FORBIDDEN_ADDRESS)
    settings = LiveLinkCheckerSettings(allowed_networks=("127.0.0.0/8",))
    assert check() == Finding(Outcome.OK, 200, "Hello")
    settings = LiveLinkCheckerSettings(
        allowed_networks=("127.0.0.0/8",), features=Features(titles=False)
    )
    assert check() == Finding(Outcome.OK, 200)
    settings = LiveLinkCheckerSettings()
    assert check() == Finding(Outcome.FORBIDDEN_ADDRESS)
