import stat
from pathlib import Path

import pytest
import yaml

from tools.local_stack.credentials import Credentials


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    made = Credentials(tmp_path / "secrets")
    made.prepare()
    return made


def test_secrets_are_for_their_owner_only(credentials: Credentials) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in credentials.directory.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(credentials.directory.stat().st_mode) == 0o700


def test_secrets_stay_the_same(credentials: Credentials) -> None:
    before = {path: path.read_text() for path in credentials.directory.iterdir()}
    credentials.prepare()
    assert {path: path.read_text() for path in credentials.directory.iterdir()} == before


def test_every_secret_is_another(credentials: Credentials) -> None:
    plain = [path.read_text() for path in credentials.directory.iterdir() if not path.suffix]
    assert len(plain) == len(set(plain)) == 18


def test_both_ends_of_a_pair_know_the_same_token(credentials: Credentials) -> None:
    tokens = {
        name: yaml.safe_load(credentials.mutual_auth(name).read_text())
        for name in ("api-gateway", "news-manager", "social-graph-manager", "link-manager")
    }
    assert tokens["api-gateway"]["link-manager"] == tokens["link-manager"]["api-gateway"]
    assert set(tokens["news-manager"]) == {"api-gateway", "social-graph-manager", "link-manager"}
    assert set(tokens["link-manager"]) == {"api-gateway", "link-checker", "news-manager"}
    assert len(set(tokens["api-gateway"].values())) == 5


def test_a_missing_file_of_tokens_renews_them_all(credentials: Credentials) -> None:
    """So that the two ends of a pair never disagree."""
    credentials.mutual_auth("link-manager").unlink()
    credentials.prepare()
    gateway = yaml.safe_load(credentials.mutual_auth("api-gateway").read_text())
    link = yaml.safe_load(credentials.mutual_auth("link-manager").read_text())
    assert gateway["link-manager"] == link["api-gateway"]


def test_services_that_did_not_talk_before_get_a_secret(credentials: Credentials) -> None:
    news = credentials.mutual_auth("news-manager")
    news.write_text('{"api-gateway": "known from before"}')
    credentials.prepare()
    assert "link-manager" in yaml.safe_load(news.read_text())
