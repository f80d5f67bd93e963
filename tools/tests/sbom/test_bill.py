"""A bill of materials says what is in an image, in CycloneDX's words."""

import json

from tools.sbom.bill import bill
from tools.sbom.content import Image, Package

IMAGE = Image(
    "registry.example:5000/me/delinkcious-link:0.1.0",
    "sha256:" + "a1" * 32,
    {
        "org.opencontainers.image.version": "0.1.0",
        "org.opencontainers.image.created": "2026-11-20T10:00:00+00:00",
    },
    {},
)
PACKAGES = [
    Package("deb", "libc6", "2.41-12", architecture="amd64"),
    Package("pypi", "Flask_Thing", "3.1", "BSD-3-Clause"),
    Package("pypi", "odd", "1", "Whatever they like"),
]


def test_it_names_the_image_and_every_package() -> None:
    said = json.loads(bill(IMAGE, PACKAGES))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    whole = said["metadata"]["component"]
    assert (whole["type"], whole["version"]) == ("container", "0.1.0")
    assert whole["name"] == "registry.example:5000/me/delinkcious-link"
    assert [component["purl"] for component in said["components"]] == [
        "pkg:pypi/flask-thing@3.1",
        "pkg:deb/debian/libc6@2.41-12?arch=amd64",
        "pkg:pypi/odd@1",
    ]
    assert said["components"][0]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]


def test_the_same_image_has_the_same_bill() -> None:
    assert bill(IMAGE, PACKAGES) == bill(IMAGE, PACKAGES[::-1])
