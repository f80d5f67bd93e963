"""The settings."""

from pathlib import Path

import pytest

from tools.identity_provider.config import ConfigurationError, read_config

GOOD = {
    "IDENTITY_PROVIDER_LOCAL": "true",
    "GITHUB_CLIENT_ID": "id",
    "GITHUB_CLIENT_SECRET": "hush",
}


def test_the_defaults() -> None:
    config = read_config(GOOD)
    assert (config.bind_address, config.port) == ("127.0.0.1", 8090)
    assert config.callback == "http://127.0.0.1:5000/login/authorized"
    assert config.data_directory == Path(".local/identity-provider")


def test_the_local_directory_moves_the_data() -> None:
    config = read_config(GOOD | {"DELINKCIOUS_LOCAL_DIR": "/elsewhere"})
    assert config.data_directory == Path("/elsewhere/identity-provider")


def test_the_secret_may_be_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    environ = GOOD | {"GITHUB_CLIENT_SECRET": "", "GITHUB_CLIENT_SECRET_FILE": f"{tmp_path}/secret"}
    config = read_config(environ)
    assert config.client_secret == "from-a-file"
    assert "from-a-file" not in repr(config)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"IDENTITY_PROVIDER_LOCAL": ""}, "IDENTITY_PROVIDER_LOCAL"),
        ({"IDENTITY_PROVIDER_LOCAL": "yes"}, "IDENTITY_PROVIDER_LOCAL"),
        ({"GITHUB_CLIENT_ID": ""}, "GITHUB_CLIENT_ID"),
        ({"GITHUB_CLIENT_SECRET": ""}, "GITHUB_CLIENT_SECRET"),
        ({"GITHUB_CLIENT_SECRET_FILE": "/does/not/exist"}, "GITHUB_CLIENT_SECRET_FILE"),
        ({"PORT": "x"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"BIND_ADDRESS": "0.0.0.0"}, "BIND_ADDRESS"),
        ({"BIND_ADDRESS": "::"}, "BIND_ADDRESS"),
        ({"BIND_ADDRESS": "example.com"}, "BIND_ADDRESS"),
        ({"IDENTITY_PROVIDER_CALLBACK": "/login/authorized"}, "IDENTITY_PROVIDER_CALLBACK"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_config(GOOD | changes)
    assert caught.value.name == name
    assert "\n" not in str(caught.value)


def test_a_private_network_can_be_allowed() -> None:
    environ = GOOD | {"BIND_ADDRESS": "0.0.0.0", "IDENTITY_PROVIDER_ALLOW_REMOTE": "true"}
    config = read_config(environ)
    assert (config.bind_address, config.trusted_hosts) == ("0.0.0.0", None)
