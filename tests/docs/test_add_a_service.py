"""The guide "add a service" makes a service that runs: its code is taken from its own text."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from delinkcious.config import Address
from delinkcious.errors import InvalidArgument
from delinkcious.http.client import HttpClient
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess

GUIDE = Path(__file__).parents[2] / "docs" / "add-a-service.md"
MODULE = re.compile(r"```python\n# (?P<name>\w+\.py)\n(?P<code>.*?)```", re.DOTALL)

pytestmark = pytest.mark.integration


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    package = tmp_path / "bookmarklet_service"
    package.mkdir()
    (package / "__init__.py").touch()
    for module in MODULE.finditer(GUIDE.read_text(encoding="utf-8")):
        (package / module["name"]).write_text(module["code"], encoding="utf-8")
    env = {
        "PYTHONPATH": str(tmp_path),
        "MUTUAL_AUTH_FILE": str(auth_file(tmp_path / "mutual-auth.yaml", "api-gateway")),
    }
    with ServiceProcess("bookmarklet_service", "serve", env) as process:
        process.wait_ready()
        yield process


def test_the_service_of_the_guide_works(service: ServiceProcess) -> None:
    address = Address("127.0.0.1", service.port)
    client = HttpClient("bookmarklet-manager", address, token=token_of("api-gateway"))
    assert "by=alice" in client.get("/snippet", {"name": "alice"}).json()["snippet"]
    with pytest.raises(InvalidArgument) as caught:
        client.get("/snippet", {"name": " "})
    assert caught.value.violations[0].field == "name"
    assert b"http_server_request_duration_seconds" in service.management("/metrics")
    assert service.terminate() == 0


def test_its_main_is_ten_lines() -> None:
    """A new service needs no more than a manager, a transport and ten lines that wire them."""
    modules = {m["name"]: m["code"] for m in MODULE.finditer(GUIDE.read_text(encoding="utf-8"))}
    code = modules["__main__.py"].rpartition("import Runtime, run\n")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
