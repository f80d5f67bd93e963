"""What is in an image, read from its files: no container runs, and nothing is installed."""

import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from pathlib import PurePosixPath
from typing import IO, Final, cast

_DPKG: Final = PurePosixPath("var/lib/dpkg/status")
_DPKG_PARTS: Final = PurePosixPath("var/lib/dpkg/status.d")


class ImageError(Exception):
    """The image cannot be read; the message is one line that says why."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """Something that is installed; ``kind`` is a type of package URLs: pypi, deb or generic."""

    kind: str
    name: str
    version: str
    license: str = ""
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the engine knows it."""

    name: str
    digest: str
    labels: dict[str, str]
    environment: dict[str, str]


def inspect(name: str) -> Image:
    """Returns what the engine says of an image.

    Raises:
        ImageError: there is no such image, or no engine.
    """
    done = subprocess.run(
        ["docker", "image", "inspect", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ImageError(f"{name}: {done.stderr.strip()}")
    [found] = json.loads(done.stdout)
    said = found["Config"]
    environment = dict(variable.split("=", 1) for variable in said.get("Env") or [])
    return Image(name, found["Id"], said.get("Labels") or {}, environment)


def packages_of(image: Image) -> list[Package]:
    """Returns what is installed in an image, sorted.

    Raises:
        ImageError: the engine does not give its files.
    """
    container = _docker("create", image.digest).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            return sorted(packages(cast("IO[bytes]", export.stdout)) | _built(image))
    finally:
        _docker("rm", container)


def packages(archive: IO[bytes]) -> set[Package]:
    """Returns what is installed in a root file system, given as a tar archive."""
    found: set[Package] = set()
    with tarfile.open(fileobj=archive, mode="r|") as files:
        for file in files:
            path = PurePosixPath(file.name)
            if path.name == "METADATA" and path.parent.suffix == ".dist-info":
                found.add(_python_package(_text(files, file)))
            elif path == _DPKG or path.parent == _DPKG_PARTS:
                found.update(_debian_packages(_text(files, file)))
    return found


def _built(image: Image) -> set[Package]:
    """Python itself, which Docker's official image builds, and no package manager knows."""
    version = image.environment.get("PYTHON_VERSION")
    return {Package("generic", "python", version, "PSF-2.0")} if version else set()


def _text(files: tarfile.TarFile, file: tarfile.TarInfo) -> str:
    content = files.extractfile(file)
    return content.read().decode(errors="replace") if content else ""


def _python_package(metadata: str) -> Package:
    said = Parser().parsestr(metadata, headersonly=True)
    return Package("pypi", said["Name"], said["Version"], said["License-Expression"] or "")


def _debian_packages(status: str) -> Iterator[Package]:
    for paragraph in status.split("\n\n"):
        said = Parser().parsestr(paragraph, headersonly=True)
        if said["Package"] and said["Version"]:
            yield Package(
                "deb", said["Package"], said["Version"], architecture=said["Architecture"] or ""
            )


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
