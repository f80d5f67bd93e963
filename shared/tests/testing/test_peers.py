from pathlib import Path

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth
from delinkcious.config import ServiceSettings
from delinkcious.testing.peers import auth_file, auth_for, calling_as


def test_a_service_knows_the_peers_it_was_given_and_no_others(tmp_path: Path) -> None:
    settings = ServiceSettings(port=1, mutual_auth_file=auth_file(tmp_path / "auth", "ann"))
    for auth in (auth_for("ann"), MutualAuth.from_settings(settings)):
        assert auth.caller_of(calling_as("ann")[CALLER_TOKEN_HEADER]) == "ann"
        assert auth.caller_of(calling_as("eve")[CALLER_TOKEN_HEADER]) is None
