"""Page tokens: whatever text is given as one, the answer is a page or names the parameter."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delinkcious.errors import Gone, InvalidArgument
from delinkcious.object_model.links import BulkChange, LinkQuery, NewLink, Order, Sort
from delinkcious.object_model.paging import encode_token
from link_service.manager import LinkManager
from link_service.ports import LinkStore

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2**53, 2**62, 2**63 - 1])
LISTS = st.sampled_from([f"{sort}-{order}" for sort in Sort for order in Order])
TOKENS = st.text(max_size=30) | st.one_of(
    st.tuples(LISTS, NUMBERS | TEXTS, NUMBERS),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.lists(NUMBERS | TEXTS, max_size=4).map(tuple),
).map(lambda key: encode_token(*key))

ANY_TOKEN = settings(
    max_examples=3 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def manager(store: LinkStore) -> LinkManager:
    manager = LinkManager(store, max_links_per_user=5)
    for number in range(3):
        manager.add_link("alice", NewLink(f"https://example.com/{number}", tags=(f"t{number}",)))
    manager.delete_link("alice", "https://example.com/0")
    return manager


@contextmanager
def refused_by_name(field: str) -> Iterator[None]:
    """Allows for one error alone: the one that names the parameter."""
    try:
        yield
    except InvalidArgument as error:
        if [violation.field for violation in error.violations] != [field]:
            raise AssertionError(error.detail) from error


@ANY_TOKEN
@given(token=TOKENS, sort=st.sampled_from(Sort), order=st.sampled_from(Order))
def test_a_list_of_links(manager: LinkManager, token: str, sort: Sort, order: Order) -> None:
    query = LinkQuery("alice", sort=sort, order=order, start_token=token)
    with refused_by_name("start_token"):
        assert len(manager.get_links(query).links) <= 2


@ANY_TOKEN
@given(token=TOKENS)
def test_a_list_of_tags(manager: LinkManager, token: str) -> None:
    with refused_by_name("start_token"):
        assert len(manager.get_tags("alice", start_token=token).tags) <= 2


@ANY_TOKEN
@given(token=TOKENS)
def test_a_list_of_changes(manager: LinkManager, token: str) -> None:
    with refused_by_name("since"), suppress(Gone):
        assert len(manager.get_changes("alice", since=token).changes) <= 3


@ANY_TOKEN
@given(token=TOKENS)
def test_a_change_of_many_links(manager: LinkManager, token: str) -> None:
    change = BulkChange(q="is:public", start_token=token, add_tags=("new",))
    with refused_by_name("start_token"):
        assert manager.bulk_change("alice", change).found <= 2
