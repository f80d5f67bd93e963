"""Each service has a Dockerfile of its own, and all say the same: they cannot drift apart."""

from pathlib import Path

import pytest

from tools.local_stack.layout import SERVICES

ROOT = Path(__file__).parents[3]
MODEL = "link"
FILES = {file.parent.name: file.read_text() for file in ROOT.glob("services/*/Dockerfile")}
OURS = {
    folder.parent.name: service
    for service in SERVICES
    for folder in ROOT.glob(f"services/*/{service.module}")
}


def names(service: str) -> dict[str, str]:
    """What is a service's own in its Dockerfile, after the first line, and what stands for it."""
    return {
        f"requirements/{service}.txt": "REQUIREMENTS",
        f"services/{service} ": "FOLDER ",
        f'"-m", "{OURS[service].module}"': "PACKAGE",
        f"EXPOSE {OURS[service].port}\n": "EXPOSED\n",
        f"PORT={OURS[service].port} ": "PORT ",
        f'title="delinkcious-{service.replace("_", "-")}"': "TITLE",
    }


def without_names(service: str) -> str:
    """The file with what is the service's own replaced, each of which it must have once."""
    _, _, text = FILES[service].partition("\n")
    for own, stand_in in names(service).items():
        assert text.count(own) == 1, own
        text = text.replace(own, stand_in)
    return text


@pytest.mark.parametrize("service", sorted(set(FILES) - {MODEL}))
def test_it_is_that_of_the_link_service_but_for_names(service: str) -> None:
    assert without_names(service) == without_names(MODEL)


def test_every_service_has_one() -> None:
    assert set(FILES) == set(OURS)
