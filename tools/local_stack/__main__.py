"""`python -m tools.local_stack [run | clean]`: see the package; this reads the arguments.

Exits 0 after Ctrl-C, and 1 with one line that says what to do when it cannot start.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from delinkcious.testing.embedded import CannotPrepare
from delinkcious.testing.privileges import RootRefused
from tools.local_stack import leftovers, live
from tools.local_stack.certificates import Certificates
from tools.local_stack.console import Console
from tools.local_stack.credentials import Credentials
from tools.local_stack.environment import Environments, GitHubSecretMissing, github
from tools.local_stack.layout import IDENTITY_PROVIDER, Layout
from tools.local_stack.lock import InUse, exclusive
from tools.local_stack.ports import PortTaken, check_free
from tools.local_stack.run import run
from tools.local_stack.stack import compose

_MINE_TO_GIVE = ("GITHUB_CLIENT_SECRET", "PORT", "MANAGEMENT_PORT")
"""Variables that only some processes may see, or that each gets a value of its own for."""

_CONTENTS = (
    *("postgres", "redis", "nats", "identity-provider", "secrets", "tls", "live", "logs"),
    *("supervisord.conf", "supervisor.pid", "supervisor.sock", "stack.json", "pids.json", "lock"),
)
"""What a stack makes in its folder. Nothing else there is deleted: the folder may be anyone's."""


class WrongSetting(Exception):
    """A variable of the environment has a value that means nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say, or the command line without any."""
    parser = argparse.ArgumentParser(prog="python -m tools.local_stack", description=__doc__)
    commands = {"run": _run, "clean": _clean}
    parser.add_argument("command", nargs="?", choices=list(commands), default="run")
    command = commands[parser.parse_args(arguments).command]
    os.umask(0o077)
    directory = Path(os.environ.get("DELINKCIOUS_LOCAL_DIR") or ".local").absolute()
    try:
        with exclusive(directory):
            return command(directory)
    except InUse as error:
        return _refuse(f"a stack runs in {directory} (pid {error}): stop it first with Ctrl-C")
    except (PortTaken, GitHubSecretMissing, RootRefused, CannotPrepare, WrongSetting) as error:
        return _refuse(str(error))
    except PermissionError as error:
        return _refuse(f"{error.filename} belongs to another user: run as that user, or remove it")
    except KeyboardInterrupt:
        return 0


def _run(directory: Path) -> int:
    console = Console()
    for pid in leftovers.stop_all(directory):
        console.say(f"stopped process {pid}, which an earlier run had left behind")
    credentials = Credentials(directory / "secrets")
    credentials.prepare()
    application = github(os.environ, credentials)
    layout = _layout(os.environ)
    if application:
        layout = layout.without(IDENTITY_PROVIDER)
    check_free(layout.ports())
    live.prepare(directory, layout.services)
    for name in _MINE_TO_GIVE:
        os.environ.pop(name, None)
    certificates = _certificates(directory, layout)
    environments = Environments(directory, layout, credentials, application, certificates)
    return 0 if run(compose(layout, credentials, environments), console) else 1


def _layout(environment: Mapping[str, str]) -> Layout:
    layout = Layout(tls=_encrypts(environment))
    match environment.get("DELINKCIOUS_PORTS") or "default":
        case "default":
            return layout
        case "free":
            return layout.on_free_ports()
        case other:
            raise WrongSetting(f"DELINKCIOUS_PORTS is {other!r}: use free, or leave it unset")


def _encrypts(environment: Mapping[str, str]) -> bool:
    match environment.get("DELINKCIOUS_TLS") or "false":
        case "true" | "false" as said:
            return said == "true"
        case other:
            raise WrongSetting(f"DELINKCIOUS_TLS is {other!r}: use true, or leave it unset")


def _certificates(directory: Path, layout: Layout) -> Certificates | None:
    certificates = Certificates(directory / "tls")
    certificates.forget()
    if not layout.tls:
        return None
    certificates.prepare(layout.services)
    return certificates


def _clean(directory: Path) -> int:
    leftovers.stop_all(directory)
    for name in _CONTENTS:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody keeps files of their own there
        directory.rmdir()
    print(f"removed the data, the secrets and the logs in {directory}")
    return 0


def _refuse(reason: str) -> int:
    print(f"local stack: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
