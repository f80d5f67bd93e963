"""A secret in a log is found, whatever is around it; it is not shown."""

import json
import secrets
from pathlib import Path

import pytest

from tools.audit.leaks import leaks, look_for_leaks, secrets_of
from tools.audit.outcome import Outcome

PASSWORD = secrets.token_urlsafe(32)
SHARED = secrets.token_urlsafe(32)
KEY_LINE = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49"


KEY = f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n-----END PRIVATE KEY-----"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----"


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """The folder of a platform with some secrets, and a log that says nothing of them."""
    for name, content in {
        "secrets/postgres-password": PASSWORD,
        "secrets/mutual-auth.yaml": json.dumps({"api-gateway": [SHARED, "old-token-x"]}),
        "secrets/tls/key.pem": KEY,
        "secrets/tls/ca.pem": CERTIFICATE,
        "logs/link-manager-serve.log": '{"event":"ready"}\n',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def log(platform: Path, line: str) -> Path:
    path = platform / "logs" / "probe.log"
    path.write_text(f"all is well\n{line}\n")
    return path


def test_each_secret_of_a_platform_is_known(platform: Path) -> None:
    assert secrets_of(platform) == {
        PASSWORD: "secrets/postgres-password",
        SHARED: "secrets/mutual-auth.yaml",
        KEY_LINE: "secrets/tls/key.pem",
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"password={PASSWORD}", "secrets/postgres-password"),
        (f'{{"token":"{SHARED}"}}', "secrets/mutual-auth.yaml"),
        (f"\x00\xff{KEY_LINE}", "secrets/tls/key.pem"),
        (f"xdls_{secrets.token_urlsafe(32)}", "a token of a user"),
        (f"gho_{'a1' * 18}", "a token of GitHub"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
    ids=["password", "shared", "key", "session", "github", "private-key"],
)
def test_a_secret_in_a_log_is_found_and_not_shown(platform: Path, line: str, said: str) -> None:
    path = log(platform, line)
    assert leaks(path, secrets_of(platform)) == [f"probe.log:2: {said}"]
    assert look_for_leaks(platform).outcome is Outcome.FOUND


def test_logs_without_secrets_are_clean(platform: Path) -> None:
    log(platform, "dls_********** MIIBszCCAVmgAwIBAgIU old-token")
    report = look_for_leaks(platform)
    assert (report.outcome, *report.lines) == (
        Outcome.CLEAN,
        f"logs: none of 3 secrets in 2 logs of {platform.name}",
    )
