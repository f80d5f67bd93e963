"""From what is in an image to its bill of materials (CycloneDX 1.6, ECMA-424).

The same image has the same bill: its number is made of the image's digest, its time is that of the
commit.
"""

from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.sbom.content import Image, Package

_LABEL: Final = "org.opencontainers.image."


def bill(image: Image, packages: list[Package]) -> str:
    """Returns the bill of an image, as JSON that is valid by CycloneDX's schema.

    Raises:
        ValueError: it is not, which is our mistake.
    """
    made = Bom(serial_number=uuid5(NAMESPACE_URL, image.digest))
    whole = _image(image)
    created = datetime.fromisoformat(image.labels[f"{_LABEL}created"])
    made.metadata = BomMetaData(component=whole, timestamp=created)
    made.components.update(map(_component, packages))
    made.register_dependency(whole, made.components)
    text = JsonV1Dot6(made).output_as_string(indent=2)
    _check(text)
    return text + "\n"


def _image(image: Image) -> Component:
    name = image.name.rpartition(":")[0]
    version = image.labels[f"{_LABEL}version"]
    return Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=version,
        bom_ref=image.digest,
        purl=PackageURL("oci", None, name.rpartition("/")[2], image.digest),
    )


def _component(package: Package) -> Component:
    namespace = "debian" if package.kind == "deb" else None
    qualifiers = {"arch": package.architecture} if package.architecture else None
    name = package.name.lower().replace("_", "-") if package.kind == "pypi" else package.name
    url = PackageURL(package.kind, namespace, name, package.version, qualifiers)
    licenses = LicenseFactory()
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=url.to_string(),
        purl=url,
        licenses=[licenses.make_from_string(package.license)] if package.license else [],
    )


def _check(text: str) -> None:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ValueError(f"the bill is not valid: {error}")
