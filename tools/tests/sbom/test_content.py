"""What is found in the files of an image."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from tools.sbom.content import ImageError, Package, inspect, packages

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12

Package: tzdata
Architecture: all
Version: 2026b-1
"""


def archive(**files: str) -> io.BytesIO:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            file = tarfile.TarInfo(name)
            file.size = len(text.encode())
            tar.addfile(file, io.BytesIO(text.encode()))
    content.seek(0)
    return content


def test_python_packages_are_found_by_their_metadata() -> None:
    text = "Metadata-Version: 2.4\nName: Flask\nVersion: 3.1\nLicense-Expression: MIT\n\nName: x\n"
    found = archive(
        **{
            "opt/delinkcious/lib/python3.13/site-packages/flask-3.1.dist-info/METADATA": text,
            "opt/code/METADATA": "Name: no\nVersion: 1\n",
        }
    )
    assert packages(found) == {Package("pypi", "Flask", "3.1", "MIT")}


@pytest.mark.parametrize("path", ["var/lib/dpkg/status", "var/lib/dpkg/status.d/base"])
def test_debian_packages_are_found_where_dpkg_and_distroless_have_them(path: str) -> None:
    assert packages(archive(**{path: STATUS})) == {
        Package("deb", "libc6", "2.41-12", architecture="amd64"),
        Package("deb", "tzdata", "2026b-1", architecture="all"),
    }


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no docker command")
def test_without_an_engine_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    with pytest.raises(ImageError, match=r"^delinkcious/x: "):
        inspect("delinkcious/x")
