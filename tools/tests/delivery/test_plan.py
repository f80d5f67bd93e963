"""What a change has tested and built."""

import pytest

from tools.delivery.plan import PlanError, plan

from .conftest import Checkout

BOTH = "link social_graph"


@pytest.mark.parametrize("since", ["", "0" * 40])
def test_without_a_known_revision_it_is_everything(checkout: Checkout, since: str) -> None:
    assert plan(checkout.root, since) == {"services": BOTH, "tests": "."}


@pytest.mark.parametrize(
    ("paths", "services", "tests"),
    [
        (["services/link/a.py"], "link", "services/link tests"),
        (["services/link/a.py", "docs/a.md"], "link", "services/link tests"),
        (["services/link/tests/a.py"], "", "services/link tests"),
        (["shared/a.py"], BOTH, "."),
        (["tools/local_stack/a.py"], "", "."),
        (["services/link/a.py", "Makefile"], "link", "."),
        (["docs/a.md", "README.md"], "", ""),
    ],
)
def test_a_change_is_tested_where_it_may_break_something(
    checkout: Checkout, paths: list[str], services: str, tests: str
) -> None:
    since = checkout.commit(*paths)
    wanted = {"services": services, "tests": tests}
    assert plan(checkout.root, since) == wanted


def test_what_build_refuses_is_no_plan(checkout: Checkout) -> None:
    (checkout.root / "services/link/VERSION").write_text("1.2\n")
    with pytest.raises(PlanError, match=r"is not MAJOR\.MINOR\.PATCH"):
        plan(checkout.root, "")
