"""What a platform on this machine has written where it should not: its secrets, in its logs.

`make audit` looks through what `make run` has left; the end-to-end tests look through a whole run,
with the tokens that they were given beside the secrets in the platform's files.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.audit.outcome import Outcome, Report

_SHORTEST = 12
_FORMS = {
    "a token of a user": re.compile(rb"dl[stf]_[A-Za-z0-9_-]{43}"),
    "a token of GitHub": re.compile(rb"gh[opusr]_[A-Za-z0-9]{36}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY"),
}
"""What nobody needs to know the values of to see that it is a secret."""
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def look_for_leaks(directory: Path) -> Report:
    """Hold all logs of a local platform against its secrets."""
    secrets, logs = secrets_of(directory), logs_of(directory)
    found = [f"logs: {leak}" for path in logs for leak in leaks(path, secrets)]
    if found:
        return Report(Outcome.FOUND, found)
    line = f"logs: none of {len(secrets)} secrets in {len(logs)} logs of {directory.name}"
    return Report(Outcome.CLEAN, [line])


def logs_of(directory: Path) -> list[Path]:
    """Every file that a process of the platform writes lines into."""
    return sorted(path for path in (directory / "logs").glob("*") if path.is_file())


def secrets_of(directory: Path) -> dict[str, str]:
    """Every secret that the platform has made or was given, with the file it is in."""
    files = (path for path in (directory / "secrets").rglob("*") if path.is_file())
    return {secret: str(path.relative_to(directory)) for path in files for secret in _values(path)}


def _values(path: Path) -> Iterator[str]:
    text = path.read_text(errors="replace")
    try:
        values = list(_leaves(json.loads(text)))
    except json.JSONDecodeError:
        # Certificates are shown to everybody who asks.
        values = [line.strip() for line in _CERTIFICATE.sub("", text).splitlines()]
    for value in values:
        if len(value) >= _SHORTEST and not value.startswith("-----"):
            yield value


def _leaves(content: Any) -> Iterator[str]:
    match content:
        case dict():
            for value in content.values():
                yield from _leaves(value)
        case list():
            for value in content:
                yield from _leaves(value)
        case _:
            yield str(content)


def leaks(path: Path, secrets: Mapping[str, str]) -> list[str]:
    """Where a file has a secret, or what looks like one; never what it is."""
    return [
        f"{path.name}:{number}: {what}"
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        for what in leaks_in(line, secrets)
    ]


def leaks_in(text: bytes, secrets: Mapping[str, str]) -> Iterable[str]:
    """What a text has that it must not."""
    known = (where for secret, where in secrets.items() if secret.encode() in text)
    formed = (what for what, form in _FORMS.items() if form.search(text))
    return dict.fromkeys((*known, *formed))
