"""The images of others, as the repository pins them: ``docker/images.env``."""

from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).parents[3] / "docker/images.env"


def pinned(name: str) -> str:
    """Returns the image that is called so there, such as ``POSTGRES_IMAGE``."""
    lines = _FILE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))[name]
