"""What `docker/promote.sh` refuses before it asks a registry; tests/images has the rest."""

from pathlib import Path

import pytest

from .conftest import Checkout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "'' is not SERVICE/MAJOR.MINOR.PATCH, such as link/0.2.0"),
        (["link/0.2"], "'link/0.2' is not SERVICE/MAJOR.MINOR.PATCH, such as link/0.2.0"),
        (["news/0.2.0"], "there is no service news"),
        (["link/0.2.0"], "where is the image? --prefix or IMAGE_PREFIX"),
        (["--prefix", "me", "link/0.2.0"], "there is no tag link/0.2.0 here"),
        (["--prefix", "me", "--wait", "x", "link/0.2.0"], "--wait: 'x' is not a number of seconds"),
        (["--fast"], "there is no option --fast"),
    ],
)
def test_wrong_arguments_are_named(
    checkout: Checkout, arguments: list[str], complaint: str
) -> None:
    done = checkout.run("docker/promote.sh", *arguments)
    assert done.returncode == 1
    assert done.stderr.endswith(f"promote.sh: {complaint}\n")


def test_without_an_engine_it_says_so(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("tag", "link/0.2.0")
    engine = f"unix://{tmp_path}/nobody"
    done = checkout.run("docker/promote.sh", "link/0.2.0", IMAGE_PREFIX="me", DOCKER_HOST=engine)
    assert done.returncode == 1
    assert "no Docker engine answers" in done.stderr
