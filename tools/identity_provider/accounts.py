"""The accounts that can log in, in one JSON file so that their numeric ids outlive the process.

    AccountError
    ├── InvalidLogin        not a username GitHub would allow
    ├── LoginTaken          another account has it
    ├── UnknownAccount      nobody has it
    └── AccountsUnreadable  the file is there, but is not what we wrote

A login can change hands and an id never does: that is the rule of GitHub that its clients must
survive, and what this store is for.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TypedDict, Unpack

# GitHub's rule: letters and digits, with single hyphens between them, at most 39 characters.
LOGIN_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}"
FIRST_ID = 1001


class AccountError(Exception):
    """Something about an account is not as asked."""

    def __init__(self, login: str) -> None:
        super().__init__(login)
        self.login = login


class InvalidLogin(AccountError):
    """Not a username GitHub would allow."""


class LoginTaken(AccountError):
    """Another account has this username."""


class UnknownAccount(AccountError):
    """No account has this username."""


class AccountsUnreadable(AccountError):
    """The accounts file exists, but is not what we wrote; `login` is its path."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person, as far as GitHub would tell its clients."""

    id: int
    login: str
    name: str | None
    email: str
    created_at: str
    updated_at: str
    email_public: bool = False
    email_verified: bool = True


class AccountChanges(TypedDict, total=False):
    """What may be changed about an account besides its login."""

    name: str | None
    email: str
    email_public: bool
    email_verified: bool


class AccountStore:
    """Every account, in memory and in `accounts.json` of a directory; safe to share by threads."""

    def __init__(self, directory: Path) -> None:
        """Load the accounts, or begin with alice, bob and carol where there is no file yet.

        Raises:
            AccountsUnreadable: if the file is damaged.
            OSError: if the directory cannot be made, read or written.
        """
        self._path = directory / "accounts.json"
        self._lock = Lock()
        self._accounts: dict[int, Account] = {}
        self._next_id = FIRST_ID
        directory.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._load()
        else:
            self._begin()

    def all(self) -> list[Account]:
        """Every account, oldest first."""
        return list(self._accounts.values())

    def get(self, account_id: int) -> Account:
        """The account of that id; ids are never deleted."""
        return self._accounts[account_id]

    def find(self, login: str) -> Account | None:
        """The account that has this login now, in whatever case it is written."""
        return next((a for a in self.all() if a.login.lower() == login.lower()), None)

    def obtain(self, login: str) -> Account:
        """The account that has this login, made now if nobody has it.

        Raises:
            InvalidLogin: if GitHub would not allow it.
        """
        _check(login)
        with self._lock:
            if account := self.find(login):
                return account
            account = _new_account(self._next_id, login)
            self._save([account], next_id=self._next_id + 1)
            return account

    def rename(self, login: str, new_login: str) -> Account:
        """Give the account another login; its id stays, and the old login is free for anyone.

        Raises:
            UnknownAccount, InvalidLogin, LoginTaken
        """
        _check(new_login)
        with self._lock:
            account, holder = self._existing(login), self.find(new_login)
            if holder is not None and holder.id != account.id:
                raise LoginTaken(new_login)
            return self._replaced(replace(account, login=new_login))

    def change(self, login: str, **changes: Unpack[AccountChanges]) -> Account:
        """Change what else there is to the account.

        Raises:
            UnknownAccount: if nobody has this login.
        """
        with self._lock:
            return self._replaced(replace(self._existing(login), **changes))

    def _existing(self, login: str) -> Account:
        if (account := self.find(login)) is None:
            raise UnknownAccount(login)
        return account

    def _replaced(self, account: Account) -> Account:
        account = replace(account, updated_at=_now())
        self._save([account], next_id=self._next_id)
        return account

    def _begin(self) -> None:
        alice, bob, carol = (
            replace(_new_account(FIRST_ID + n, login), name=login.title())
            for n, login in enumerate(("alice", "bob", "carol"))
        )
        self._save([alice, replace(bob, email_public=True), carol], next_id=carol.id + 1)

    def _load(self) -> None:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            self._accounts = {row["id"]: Account(**row) for row in document["accounts"]}
            self._next_id = int(document["next_id"])
        except (ValueError, TypeError, KeyError) as error:
            raise AccountsUnreadable(str(self._path)) from error

    def _save(self, changed: Iterable[Account], next_id: int) -> None:
        """Write first and believe it afterwards: a crash must not reuse an id someone has seen."""
        accounts = self._accounts | {account.id: account for account in changed}
        rows = [asdict(account) for account in accounts.values()]
        _write_atomically(self._path, json.dumps({"next_id": next_id, "accounts": rows}, indent=1))
        self._accounts, self._next_id = accounts, next_id


def _check(login: str) -> None:
    if not re.fullmatch(LOGIN_PATTERN, login):
        raise InvalidLogin(login)


def _new_account(account_id: int, login: str) -> Account:
    now = _now()
    return Account(
        id=account_id,
        login=login,
        # As on GitHub, who has never edited his profile has no name.
        name=None,
        email=f"{login.lower()}@example.com",
        created_at=now,
        updated_at=now,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write_atomically(path: Path, text: str) -> None:
    """Replace the file in one step: a reader or a crash sees the old or the new one, never half."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
