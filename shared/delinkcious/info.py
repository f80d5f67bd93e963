"""What runs here: the answer of ``/info``."""

import os
import socket
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


def describe(service: str, role: str) -> dict[str, str]:
    """Returns name, version, revision and build time of this process, and when it started.

    Images set ``GIT_REVISION`` and ``BUILD_TIME``; from a checkout they are ``unknown``.
    """
    return {
        "name": service,
        "role": role,
        "version": version_of(service),
        "revision": os.environ.get("GIT_REVISION") or "unknown",
        "build_time": os.environ.get("BUILD_TIME") or "unknown",
        "instance": f"{socket.gethostname()}:{os.getpid()}",
        "started_at": datetime.now(UTC).isoformat(),
    }


def version_of(service: str) -> str:
    """Returns the version of the installed distribution of a service."""
    try:
        return version("delinkcious-" + service.removesuffix("-manager"))
    except PackageNotFoundError:
        return "unknown"
