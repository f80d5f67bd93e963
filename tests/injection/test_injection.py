"""What attackers send is refused or taken as data, and reaches nothing that is not theirs."""

import pytest

from api_gateway.app import Managers
from tests.fuzz import apis
from tests.fuzz.apis import Api
from tests.fuzz.explore import document_of
from tests.injection.attack import GOOD, attack, losses
from tests.injection.corpus import one_of_each_kind
from tests.injection.places import places
from tests.support.platform import Stores

pytestmark = pytest.mark.integration


def api_called(name: str, over: Managers, opened: Stores) -> Api:
    if name == "gateway":
        return apis.gateway(over)
    return apis.service(name, opened)


@pytest.mark.parametrize("name", apis.NAMES)
def test_nothing_breaks_and_every_row_is_where_it_was(
    name: str, over: Managers, opened: Stores
) -> None:
    """Every parameter gets something of each kind; ``make fuzz`` sends everything everywhere."""
    before = opened.rows()
    api = api_called(name, over, opened)
    targets = places(document_of(api), GOOD)
    shots = [
        (place, payload)
        for number, place in enumerate(targets)
        for payload in one_of_each_kind(number)
    ]
    outcome = attack(api, shots)
    assert not outcome.faults, "\n".join(outcome.faults)
    assert list(losses(before, opened.rows())) == []
    assert outcome.answers.total() > 10 * len(targets)
