"""The images of others are named once, in `docker/images.env`, by exact versions."""

import re
import subprocess
from pathlib import Path

import yaml

from delinkcious.testing.images import pinned

ROOT = Path(__file__).parents[3]
PINS = ROOT / "docker/images.env"
NAMES = ("PYTHON_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "NATS_IMAGE", "REGISTRY_IMAGE")


def tracked(*patterns: str) -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in found.stdout.splitlines()]


def test_each_is_pinned_by_an_exact_version() -> None:
    lines = [line for line in PINS.read_text().splitlines() if not line.startswith("#")]
    assert [line.partition("=")[0] for line in lines] == list(NAMES)
    exact = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?(@sha256:[0-9a-f]{64})?")
    assert [name for name in NAMES if not exact.fullmatch(pinned(name))] == []


def test_no_other_file_names_one() -> None:
    """Neither what runs containers nor what builds images."""
    repositories = "|".join(pinned(name).partition(":")[0] for name in NAMES)
    named = re.compile(rf"(?<![\w/.-])({repositories}):\d{{1,3}}(?!\d)")
    patterns = ("*Dockerfile", "*.sh", "*.yaml", "*.py", ".ci/*", "Makefile")
    files = [path for path in tracked(*patterns) if path != Path(__file__)]
    assert [path.name for path in files if named.search(path.read_text())] == []


def test_our_images_are_built_on_what_is_given() -> None:
    stages = {
        line
        for path in tracked("*Dockerfile")
        for line in path.read_text().splitlines()
        if line.startswith("FROM ")
    }
    image = r"FROM (\$\{PYTHON\}|\$\{BASE\}:(build|runtime))( AS \w+)?"
    assert [line for line in stages if not re.fullmatch(image, line)] == []


def test_compose_runs_nothing_that_is_not_pinned() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    images = {service["image"] for service in services.values()}
    of_others = {image for image in images if "delinkcious" not in image}
    wanted = ("POSTGRES_IMAGE", "REDIS_IMAGE", "NATS_IMAGE")
    assert of_others == {f"${{{name}:?run docker/prepare.sh}}" for name in wanted}


def test_the_pipeline_runs_the_python_that_ships() -> None:
    shipped = re.match(r"python:([\d.]+)", pinned("PYTHON_IMAGE"))
    assert shipped
    files = tracked(".circleci/*.yml")
    used = {found for path in files for found in re.findall(r"cimg/python:(\S+)", path.read_text())}
    assert used == {shipped[1]}
