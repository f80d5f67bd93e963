"""What runs here: the answer of ``/info``."""

import os
import socket
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


def describe(service: str, role: str) -> dict[str, str]:
    """Returns name, version, revision and build time of this process, and when it started.

    Images set ``IMAGE_VERSION``, ``GIT_REVISION``, ``GIT_SOURCE`` and ``BUILD_TIME``, which are
    their labels, too. From a checkout the version is that of the package, and they are ``unknown``.
    """
    return {
        "name": service,
        "role": role,
        "version": os.environ.get("IMAGE_VERSION") or version_of(service),
        "revision": os.environ.get("GIT_REVISION") or "unknown",
        "source": os.environ.get("GIT_SOURCE") or "unknown",
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
