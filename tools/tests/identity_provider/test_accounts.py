"""The account store: ids for ever."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.identity_provider.accounts import AccountStore, AccountsUnreadable, UnknownAccount


def test_accounts_survive_a_restart(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    store.obtain("dave")
    store.rename("alice", "alicia")
    store.change("bob", email_verified=False)
    assert AccountStore(tmp_path).all() == store.all()


def test_ids_go_on_after_a_restart(tmp_path: Path) -> None:
    before = AccountStore(tmp_path).obtain("dave")
    after = AccountStore(tmp_path).obtain("erin")
    assert after.id == before.id + 1


def test_the_first_accounts_do_not_come_back_after_a_rename(tmp_path: Path) -> None:
    AccountStore(tmp_path).rename("alice", "alicia")
    assert AccountStore(tmp_path).find("alice") is None


def test_a_login_is_one_account_in_any_case(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    assert store.obtain("ALICE") == store.obtain("alice")


def test_threads_that_ask_for_one_login_get_one_account(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        ids = {account.id for account in threads.map(store.obtain, ["dave"] * 32)}
    assert len(ids) == 1


def test_a_failed_write_leaves_the_file_and_the_accounts_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AccountStore(tmp_path)
    before = (tmp_path / "accounts.json").read_text()

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        store.obtain("dave")
    assert store.find("dave") is None
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.json"]
    assert (tmp_path / "accounts.json").read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"next_id": 1, "accounts": [{"id": 1}]}'])
def test_a_damaged_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(AccountsUnreadable):
        AccountStore(tmp_path)
    assert path.read_text() == text


def test_changing_nobody_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownAccount):
        AccountStore(tmp_path).change("nobody", name="x")


def test_the_file_is_json_a_person_can_read(tmp_path: Path) -> None:
    AccountStore(tmp_path)
    document = json.loads((tmp_path / "accounts.json").read_text())
    assert [row["login"] for row in document["accounts"]] == ["alice", "bob", "carol"]
