"""How the platform behaves as containers: hardened, scaled, stopped."""

import json
from time import monotonic
from typing import Any

import pytest

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.compose import GRACE_PERIOD, PROJECT, ComposeStack, docker

OURS = ["link-manager", "social-graph-manager", "user-manager", "news-manager", "link-checker"]
SERVICES = [*OURS, "api-gateway"]


def containers(stack: ComposeStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        docker("inspect", *stack.compose("ps", "--all", "--quiet").split())
    )
    return found


def of_our_images(stack: ComposeStack) -> list[dict[str, Any]]:
    return [c for c in containers(stack) if "/delinkcious-" in c["Config"]["Image"]]


def test_after_make_up_the_smoke_test_passes(stack: ComposeStack) -> None:
    """Nothing else is done or said."""
    run = stack.make("smoke_test")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "smoke test passed" in run.stdout


def test_only_the_gateway_and_the_local_provider_are_published(stack: ComposeStack) -> None:
    published = {
        container["Config"]["Labels"]["com.docker.compose.service"]
        for container in containers(stack)
        for host in container["HostConfig"]["PortBindings"].values()
        if host
    }
    assert published == {"api-gateway", "identity-provider"}


def test_our_containers_have_no_rights_that_they_do_not_need(stack: ComposeStack) -> None:
    ours = of_our_images(stack)
    assert len(ours) == 14
    for container in ours:
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], container["Name"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert container["Config"]["User"] == "10001:10001"


def test_no_container_can_take_all_that_the_machine_has(stack: ComposeStack) -> None:
    """Memory, processors, and the disk that its log fills."""
    for container in containers(stack):
        host = container["HostConfig"]
        assert host["Memory"] > 0, container["Name"]
        assert host["NanoCpus"] > 0, container["Name"]
        assert {"max-size", "max-file"} <= set(host["LogConfig"]["Config"]), container["Name"]
        assert "no-new-privileges:true" in host["SecurityOpt"], container["Name"]


def test_no_secret_is_in_the_environment_or_a_command(stack: ComposeStack) -> None:
    mounted = {
        line
        for container in containers(stack)
        for mount in container["Mounts"]
        if "/.secrets/" in mount["Source"]
        for line in _values(mount["Source"])
    }
    assert len(mounted) > 20
    told = json.dumps([[c["Config"], c["Args"]] for c in containers(stack)])
    assert not [secret for secret in mounted if secret in told]


def _values(path: str) -> list[str]:
    with open(path) as file:  # noqa: PTH123
        words = file.read().replace('"', " ").split()
    return [word for word in words if len(word) == 43]  # what docker/prepare.sh makes


@pytest.mark.parametrize("service", SERVICES)
def test_three_of_a_service_do_its_work(stack: ComposeStack, service: str) -> None:
    """Each of the three gateways has a port of its own; the others are found by one name."""
    workers = [] if service == "api-gateway" else [f"{service}-work"]
    stack.scale(**{name.replace("-", "_"): 3 for name in [service, *workers]})
    try:
        for name in [service, *workers]:
            assert len(stack.compose("ps", "--quiet", name).split()) == 3
        for gateway in _gateways(stack):
            alice = Api.login(stack.gateway, f"scaled-{service}")
            alice = Api(gateway, alice.token, alice.username)
            url = f"{gateway}/{service}"
            alice.add(url)
            assert alice.link(url)
            alice.delete(url)
        run = stack.make("smoke_test")
        assert run.returncode == 0, run.stdout + run.stderr
    finally:
        stack.scale(**{name.replace("-", "_"): 1 for name in [service, *workers]})


def _gateways(stack: ComposeStack) -> list[str]:
    count = len(stack.compose("ps", "--quiet", "api-gateway").split())
    ports = [
        stack.compose("port", f"--index={number}", "api-gateway", "5000")
        for number in range(1, count + 1)
    ]
    assert len(set(ports)) == count
    return [f"http://{port}" for port in ports]


def test_everything_stops_within_the_grace_period_and_ends_well(stack: ComposeStack) -> None:
    try:
        began = monotonic()
        stack.compose("stop")
        assert monotonic() - began < GRACE_PERIOD
        assert {name: code for name, code in stack.exit_codes().items() if code} == {}
        assert len(stack.exit_codes()) > 17
    finally:
        stack.start()
    wait_until(lambda: Api.login(stack.gateway, "back").links() == [], timeout=30)


def test_an_image_serves_with_nothing_but_its_user(stack: ComposeStack) -> None:
    """With the options that operators harden with, and no help from compose."""
    (gateway,) = stack.inspect("api-gateway")
    environment = [f"--env={each}" for each in gateway["Config"]["Env"]]
    mounts = [
        f"--volume={mount['Source']}:{mount['Destination']}:ro" for mount in gateway["Mounts"]
    ]
    container = docker(
        *("run", "--detach", "--rm", "--read-only", "--cap-drop=ALL", "--user=10001"),
        *("--security-opt=no-new-privileges", f"--network={PROJECT}_inside"),
        *environment,
        *mounts,
        gateway["Config"]["Image"],
    )
    try:
        (found,) = json.loads(docker("inspect", container))
        address = found["NetworkSettings"]["Networks"][f"{PROJECT}_inside"]["IPAddress"]
        alice = Api.login(stack.gateway, "hardened")
        other = Api(f"http://{address}:5000", alice.token)
        wait_until(lambda: _serves(other), timeout=30)
    finally:
        docker("stop", container)


def _serves(user: Api) -> bool:
    try:
        return user.links() == []
    except OSError:
        return False
