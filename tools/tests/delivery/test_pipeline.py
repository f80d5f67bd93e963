"""What `.circleci` may do: it is valid, and only the main branch and tags ship anything."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".circleci"
SHIPS = re.compile(r"--push|docker push|promote|docker login|REGISTRY")


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return yaml.safe_load((FOLDER / "continue.yml").read_text())


def invocations(pipeline: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Workflow, job, and what the workflow says of the job."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for name, workflow in pipeline["workflows"].items():
        for job in workflow["jobs"]:
            match job:
                case str():
                    found.append((name, job, {}))
                case dict():
                    found += [(name, key, said) for key, said in job.items()]
    return found


def test_only_the_main_branch_and_tags_ship(pipeline: Any) -> None:
    """A job that could ship runs only there; the password is in a context that no other has."""
    able = {name for name, job in pipeline["jobs"].items() if SHIPS.search(yaml.safe_dump(job))}
    assert able == {"push", "promote"}
    filters = {job: said["filters"] for _, job, said in invocations(pipeline) if job in able}
    assert filters == {
        "push": 'pipeline.git.branch == "main" and pipeline.parameters.services != ""',
        "promote": {
            "branches": {"ignore": "/.*/"},
            "tags": {"only": r"/^[a-z_]+\/\d+\.\d+\.\d+$/"},
        },
    }
    assert {job for _, job, said in invocations(pipeline) if "context" in said} == able
    assert not SHIPS.search((FOLDER / "config.yml").read_text())
    assert not SHIPS.search(yaml.safe_dump(pipeline["commands"]))


def test_what_ships_has_passed_everything(pipeline: Any) -> None:
    jobs = {job: said for workflow, job, said in invocations(pipeline) if workflow == "change"}
    assert set(jobs["push"]["requires"]) == set(jobs) - {"push"}


def test_nothing_runs_twice(pipeline: Any) -> None:
    """A pipeline has a branch or a tag, and each job is in one workflow."""
    conditions = {name: workflow["when"] for name, workflow in pipeline["workflows"].items()}
    assert conditions == {
        "change": 'pipeline.git.branch != "" and pipeline.parameters.tests != ""',
        "release": 'pipeline.git.tag != ""',
    }
    run = [job for _, job, _ in invocations(pipeline)]
    assert sorted(run) == sorted(pipeline["jobs"])


def test_parameters_are_those_that_the_plan_gives(pipeline: Any) -> None:
    assert set(pipeline["parameters"]) == {"services", "tests"}


def test_every_target_exists(pipeline: Any) -> None:
    targets = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"\bmake ([a-z_]+)", yaml.safe_dump(pipeline["jobs"])))
    called |= set(re.findall(r"\bmake ([a-z_]+)", yaml.safe_dump(pipeline["commands"])))
    assert {"check", "test_some", "audit", "up", "test_images", "sbom"} <= called
    assert called <= targets


def test_images_of_the_executors_are_pinned() -> None:
    for file in FOLDER.glob("*.yml"):
        for image in re.findall(r"image: (\S+)", file.read_text()):
            assert re.search(r":\d{4}\.\d\d\.\d+$|:\d+\.\d+\.\d+$", image), image


def test_it_is_what_circleci_understands() -> None:
    """The schema is CircleCI's published one, which the tool brings along."""
    tool = ROOT / ".venv/bin/check-jsonschema"
    files = sorted(FOLDER.glob("*.yml"))
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.circle-ci", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
