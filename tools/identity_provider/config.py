"""The provider's settings, read once from the environment and then frozen.

It does not use the services' configuration: this tool must stay small enough to run beside them.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message is one line that says what to do."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """What one registered OAuth application and its provider need to know."""

    client_id: str
    client_secret: str = field(repr=False)
    callback: str
    data_directory: Path
    bind_address: str
    port: int

    @property
    def trusted_hosts(self) -> list[str] | None:
        """The names by which a browser may address us; None where any name is right.

        On loopback this is what stops a web page from reaching the control endpoints by rebinding
        its own host name to 127.0.0.1. Werkzeug's check does not know bracketed IPv6 literals.
        """
        if ":" in self.bind_address or not is_loopback(self.bind_address):
            return None
        return ["127.0.0.1", "localhost", self.bind_address]


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a socket bound to `address`."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def read_config(environ: Mapping[str, str]) -> ProviderConfig:
    """Read and check every setting.

    Raises:
        ConfigurationError: for the first one that is missing or wrong.
    """
    _must_be_local(environ)
    return ProviderConfig(
        client_id=_required(environ, "GITHUB_CLIENT_ID"),
        client_secret=_required(environ, "GITHUB_CLIENT_SECRET"),
        callback=_callback(environ),
        data_directory=_data_directory(environ),
        bind_address=_bind_address(environ),
        port=_port(environ),
    )


def _must_be_local(environ: Mapping[str, str]) -> None:
    if not _flag(environ, "IDENTITY_PROVIDER_LOCAL"):
        raise ConfigurationError(
            "IDENTITY_PROVIDER_LOCAL",
            'must be "true": this provider lets anyone log in as anyone, for local use only',
        )


def _setting(environ: Mapping[str, str], name: str) -> str | None:
    """`name`, or the content of the file that `<name>_FILE` names; None if empty or absent."""
    if path := environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}_FILE", f"cannot read {path} ({error})") from error
    return environ.get(name) or None


def _required(environ: Mapping[str, str], name: str) -> str:
    if (value := _setting(environ, name)) is None:
        raise ConfigurationError(name, f"is missing; give it, or a file of it as {name}_FILE")
    return value


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return (_setting(environ, name) or "").lower() == "true"


def _callback(environ: Mapping[str, str]) -> str:
    name = "IDENTITY_PROVIDER_CALLBACK"
    callback = _setting(environ, name) or "http://127.0.0.1:5000/login/authorized"
    parts = urlsplit(callback)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(name, f"{callback!r} is not an absolute http or https URL")
    return callback


def _data_directory(environ: Mapping[str, str]) -> Path:
    if given := _setting(environ, "IDENTITY_PROVIDER_DATA"):
        return Path(given)
    return Path(_setting(environ, "DELINKCIOUS_LOCAL_DIR") or ".local") / "identity-provider"


def _bind_address(environ: Mapping[str, str]) -> str:
    address = _setting(environ, "BIND_ADDRESS") or "127.0.0.1"
    if not is_loopback(address) and not _flag(environ, "IDENTITY_PROVIDER_ALLOW_REMOTE"):
        raise ConfigurationError(
            "BIND_ADDRESS",
            f"{address} can be reached from other machines; use 127.0.0.1, or set "
            "IDENTITY_PROVIDER_ALLOW_REMOTE=true inside a private network",
        )
    return address


def _port(environ: Mapping[str, str]) -> int:
    value = _setting(environ, "PORT") or "8090"
    if not value.isascii() or not value.isdigit() or int(value) > 65535:
        raise ConfigurationError("PORT", f"{value!r} is not a port number")
    return int(value)
