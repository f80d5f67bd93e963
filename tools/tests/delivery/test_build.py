"""What `build.sh` would build, how it names it, and what it refuses."""

import shutil
from pathlib import Path

import pytest

from .conftest import Checkout


def listed(checkout: Checkout, *arguments: str, **environment: str) -> dict[str, list[str]]:
    """The version and the reason of each service."""
    done = checkout.build("--list", *arguments, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()}


def test_everything_is_built_unless_told_otherwise(checkout: Checkout) -> None:
    assert listed(checkout) == {
        "link": ["0.1.4.0", "asked for"],
        "social_graph": ["0.1.4.0", "asked for"],
    }
    assert list(listed(checkout, "link")) == ["link"]


@pytest.mark.parametrize(
    ("path", "link", "social_graph"),
    [
        ("services/link/link_service/http.py", "services/link changed", "not built"),
        ("services/link/Dockerfile", "services/link changed", "not built"),
        ("requirements/link.txt", "requirements/link.txt changed", "not built"),
        ("shared/delinkcious/errors.py", "shared changed", "shared changed"),
        ("proto/delinkcious/news.proto", "proto changed", "proto changed"),
        ("docker/base/Dockerfile", "docker/base changed", "docker/base changed"),
        ("services/link/tests/test_http.py", "not built", "not built"),
        ("services/link/k8s/link.yaml", "not built", "not built"),
        ("services/link/README.md", "not built", "not built"),
        ("docs/search.md", "not built", "not built"),
    ],
)
def test_a_change_builds_what_is_made_of_it(
    checkout: Checkout, path: str, link: str, social_graph: str
) -> None:
    since = checkout.commit(path)
    found = listed(checkout, "--since", since)
    assert found["link"][1].endswith(link)
    assert found["social_graph"][1].endswith(social_graph)


def test_a_new_file_is_a_change(checkout: Checkout) -> None:
    (checkout.root / "services/link/new.py").write_text("")
    (checkout.root / "services/social_graph/new.md").write_text("")
    found = listed(checkout, "--since", "HEAD")
    assert found["link"][1] == "services/link changed"
    assert found["social_graph"][1].endswith("not built")


def test_nothing_changed_is_nothing_built(checkout: Checkout) -> None:
    done = checkout.build("--since", "HEAD")
    assert (done.returncode, done.stdout) == (0, "nothing to build: nothing changed since HEAD\n")


@pytest.mark.parametrize(
    ("branch", "version"),
    [
        ("main", "0.1.4.7"),
        ("myfeature", "0.1.4-myfeature.7"),
        ("Fix/Über_all--", "0.1.4-fix-ber-all.7"),
        ("a" * 60, f"0.1.4-{'a' * 40}.7"),
        ("a" * 39 + "/b", f"0.1.4-{'a' * 39}.7"),
        ("007", "0.1.4-branch-007.7"),
        ("ü", "0.1.4-branch.7"),
    ],
)
def test_the_version_of_a_branch_has_its_name(
    checkout: Checkout, branch: str, version: str
) -> None:
    if branch != "main":
        checkout.git("switch", "--quiet", "--create", branch)
    assert listed(checkout, "--number", "7")["link"][0] == version


def test_a_tag_has_no_branch(checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--detach")
    assert listed(checkout, CIRCLE_BUILD_NUM="9")["link"][0] == "0.1.4.9"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["news"], "there is no service news, only: link social_graph"),
        (["--since", "nowhere"], "--since: 'nowhere' is no revision here"),
        (["--since"], "--since wants a value"),
        (["--number", "x"], "--number: 'x' is not a number"),
        (["--prefix", "Me"], "--prefix: 'Me' cannot begin the name of an image"),
        (["--fast"], "there is no option --fast"),
    ],
)
def test_wrong_arguments_are_named(
    checkout: Checkout, arguments: list[str], complaint: str
) -> None:
    done = checkout.build("--list", *arguments)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_a_version_that_is_none_is_refused(checkout: Checkout) -> None:
    (checkout.root / "services/link/VERSION").write_text("1.2\n")
    done = checkout.build("--list")
    assert (done.returncode, done.stderr) == (
        1,
        "build.sh: services/link/VERSION: '1.2' is not MAJOR.MINOR.PATCH\n",
    )


def test_without_an_engine_it_says_so(checkout: Checkout, tmp_path: Path) -> None:
    done = checkout.build(DOCKER_HOST=f"unix://{tmp_path}/nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no Docker engine answers" in done.stderr


def test_without_docker_it_says_so(checkout: Checkout, tmp_path: Path) -> None:
    for tool in ("bash", "git", "dirname", "cat", "sed", "tr", "cut"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = checkout.build(PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "build.sh: docker is not installed here\n"


def test_what_is_not_committed_is_not_pushed(checkout: Checkout) -> None:
    (checkout.root / "services/link/new.py").write_text("")
    done = checkout.build("--push", "link")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "build.sh: what is not committed is not pushed: commit or stash it first\n"
    )


def test_a_push_names_what_it_pushes(checkout: Checkout) -> None:
    """Continuous integration gives the services that changed, which may be none."""
    done = checkout.build("--push")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "build.sh: --push: say which services, or --since which revision\n"
    assert checkout.build("--push", "--since", "HEAD").stdout.startswith("nothing to build")
