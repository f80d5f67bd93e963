"""The files of what may change while the services run: one for each service, to be edited."""

from collections.abc import Iterable
from pathlib import Path

from tools.local_stack.layout import IDENTITY_PROVIDER, Service
from tools.local_stack.whole import write_whole

_EXPLANATION = """\
# What may change while {name} runs. This file is read again when it changes; what it does not say
# is as the environment says. docs/live-configuration.md has the rules, the service's README what
# there is. For example:
#
# log_level: DEBUG
"""


def live_file(directory: Path, service: Service) -> Path | None:
    """The file of a service, if there is something that may change."""
    is_ours = service.name != IDENTITY_PROVIDER.name
    return directory / "live" / f"{service.name}.yaml" if is_ours else None


def prepare(directory: Path, services: Iterable[Service]) -> None:
    """Make the files that are missing; what somebody wrote stays."""
    (directory / "live").mkdir(mode=0o700, exist_ok=True)
    for service in services:
        file = live_file(directory, service)
        if file and not file.exists():
            write_whole(file, _EXPLANATION.format(name=service.name))
