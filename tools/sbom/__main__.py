"""``python -m tools.sbom [SERVICE …]``: says what is in the images, one file each in ``sbom/``.

The images are those that `build.sh` has built: of all services, if none is named. ``IMAGE_PREFIX``
is where they are.
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.sbom.bill import bill
from tools.sbom.content import ImageError, inspect, packages_of

ROOT = Path(__file__).parents[2]


def main(services: list[str]) -> int:
    """Writes the files."""
    folder = ROOT / "sbom"
    folder.mkdir(exist_ok=True)
    try:
        for name in _images(services):
            image = inspect(name)
            packages = packages_of(image)
            file = folder / f"{name.rpartition('/')[2].replace(':', '-')}.cdx.json"
            file.write_text(bill(image, packages))
            print(f"{file.relative_to(ROOT)}: {len(packages)} packages in {name}")
    except ImageError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    return 0


def _images(services: list[str]) -> list[str]:
    """Returns the names of the images of services, as `build.sh` names them."""
    prefix = os.environ.get("IMAGE_PREFIX") or "delinkcious"
    done = subprocess.run(
        ["./build.sh", "--versions", *services],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ImageError(done.stderr.strip())
    pairs = (line.split("_VERSION=") for line in done.stdout.splitlines())
    return [
        f"{prefix}/delinkcious-{service.lower().replace('_', '-')}:{version}"
        for service, version in pairs
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
