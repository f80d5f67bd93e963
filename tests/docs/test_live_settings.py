"""Each README lists what may change while its service runs: all of it, and nothing else."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from delinkcious.live import LiveSettings

ROOT = Path(__file__).parents[2]
SERVICES = {
    "api_gateway": "api_gateway",
    "link": "link_service",
    "link_checker": "link_checker",
    "news": "news_service",
    "social_graph": "social_graph_service",
    "user": "user_service",
}
SECTION = re.compile(r"\n### What may change while it runs\n(.*?)\n##+ ", re.DOTALL)
ROW = re.compile(r"^\| `([a-z_.]+)` \|", re.MULTILINE)


def settings_of(module: str) -> type[LiveSettings]:
    live = importlib.import_module(f"{module}.live")
    (settings,) = (
        found
        for found in vars(live).values()
        if isinstance(found, type) and found.__module__ == live.__name__
        if issubclass(found, LiveSettings)
    )
    return settings


def names_in(model: type[BaseModel], within: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names_in(field.annotation, f"{within}{name}.")
        else:
            yield within + name


@pytest.mark.parametrize("service", SERVICES)
def test_what_may_change_is_in_the_readme(service: str) -> None:
    readme = (ROOT / "services" / service / "README.md").read_text(encoding="utf-8")
    section = SECTION.search(readme)
    assert section
    assert sorted(ROW.findall(section[1])) == sorted(names_in(settings_of(SERVICES[service])))


@pytest.mark.parametrize("service", SERVICES)
def test_the_guide_leads_to_it(service: str) -> None:
    guide = (ROOT / "docs" / "live-configuration.md").read_text(encoding="utf-8")
    assert f"../services/{service}/README.md#what-may-change-while-it-runs" in guide


def test_every_service_is_here() -> None:
    assert {path.parent.name for path in (ROOT / "services").glob("*/README.md")} == set(SERVICES)
