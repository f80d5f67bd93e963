"""What the gateway may be configured with."""

from pathlib import Path

import pytest

from api_gateway.config import GatewaySettings
from api_gateway.limits import Limits
from delinkcious.config import ConfigurationError, TlsFiles
from delinkcious.testing.certificates import Authority, tls_settings

REQUIRED = {
    "SECRET_KEY": "k" * 32,
    "GITHUB_CLIENT_ID": "id",
    "GITHUB_CLIENT_SECRET": "very-secret",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_github_itself() -> None:
    settings = GatewaySettings.load()
    assert settings.github_url == "https://github.com"
    assert settings.github_api_url == "https://api.github.com"
    assert settings.server_threads == 16


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_required_and_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    with pytest.raises(ConfigurationError, match=f"^{name} is not set"):
        GatewaySettings.load()


def test_a_short_secret_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    with pytest.raises(ConfigurationError) as refused:
        GatewaySettings.load()
    assert str(refused.value) == "SECRET_KEY: must have at least 32 characters"


def test_no_secret_is_in_what_is_logged() -> None:
    assert "very-secret" not in str(GatewaySettings.load().redacted())


@pytest.mark.parametrize("name", ["GITHUB_URL", "GITHUB_API_URL"])
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8090", "http://localhost:8090", "http://[::1]:8090"]
)
def test_plain_http_is_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url + "/")
    assert getattr(GatewaySettings.load(), name.lower()) == url


@pytest.mark.parametrize("name", ["GITHUB_URL", "GITHUB_API_URL"])
def test_plain_http_elsewhere_must_be_asked_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://identity-provider:8090")
    with pytest.raises(ConfigurationError, match=rf"{name}.*GITHUB_INSECURE"):
        GatewaySettings.load()
    monkeypatch.setenv("GITHUB_INSECURE", "true")
    assert GatewaySettings.load().github_insecure


@pytest.mark.parametrize("url", ["github.com", "ftp://github.com", "https://"])
def test_what_is_no_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    with pytest.raises(ConfigurationError, match=r"^PUBLIC_URL: must be"):
        GatewaySettings.load()


def test_proxies_are_networks_and_what_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")
    monkeypatch.setenv("TRUSTED_PROXY_HEADER", "Forwarded")
    said = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=203.0.113.7"}
    assert GatewaySettings.load().proxies.client(said) == "203.0.113.7"
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, the internet")
    with pytest.raises(ConfigurationError, match=r"^TRUSTED_PROXIES: 'the internet'"):
        GatewaySettings.load()


def test_nobody_is_a_proxy_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    assert GatewaySettings.load().proxies.client(said) == "127.0.0.1"


def test_limits_come_from_the_environment_and_wrong_ones_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIMIT_USER", "7/minute")
    limits = GatewaySettings.load().limits
    assert limits.user.amount == 7
    assert limits.token == Limits().token
    monkeypatch.setenv("LIMIT_USER", "many")
    with pytest.raises(ConfigurationError, match="LIMIT_USER: must be a number and a time"):
        GatewaySettings.load()


def test_clients_are_shown_a_certificate_of_its_own_and_asked_for_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    own, public = authority.issue("api-gateway"), authority.issue("public.example")
    shown = TlsFiles(None, public.cert, public.key)
    for name, value in {**tls_settings(own), **tls_settings(shown, "PUBLIC_")}.items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings.load()
    assert (settings.tls, settings.serving_tls) == (own, shown)
    monkeypatch.delenv("PUBLIC_TLS_KEY_FILE")
    with pytest.raises(ConfigurationError, match="PUBLIC_TLS_CERT_FILE and PUBLIC_TLS_KEY_FILE"):
        GatewaySettings.load()
    monkeypatch.delenv("PUBLIC_TLS_CERT_FILE")
    assert GatewaySettings.load().serving_tls is None


def test_https_is_https_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or cookies would not be secure."""
    monkeypatch.setenv("PUBLIC_URL", "HTTPS://links.example/")
    assert GatewaySettings.load().public_url == "https://links.example"


def test_an_origin_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example, *")
    with pytest.raises(ConfigurationError, match=r"^CORS_ORIGINS: \* is not an origin"):
        GatewaySettings.load()
