"""The use cases of links, on the store in memory and on Postgres."""

from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from delinkcious.object_model.links import (
    CheckResult,
    LinkChange,
    LinkQuery,
    LinkStatus,
    NewLink,
    TagCount,
    Visibility,
)
from link_service.manager import LinkManager
from link_service.ports import LinkStore

from .conftest import Published

URL = "https://example.com/a"


@pytest.fixture
def manager(store: LinkStore) -> LinkManager:
    return LinkManager(store, max_links_per_user=10)


def urls(manager: LinkManager, **filters: object) -> list[str]:
    page = manager.get_links(LinkQuery("alice", **filters))  # type: ignore[arg-type]
    return [link.url for link in page.links]


def checked(manager: LinkManager, url: str, outcome: str, at: datetime | None = None) -> None:
    manager.record_check(CheckResult(url, outcome, 200, at or datetime.now(UTC)))


def test_a_new_link_is_pending_and_has_what_was_given(manager: LinkManager) -> None:
    link = manager.add_link(
        "alice", NewLink(URL, "A", "about a", ("Zebra", "ant"), Visibility.PRIVATE)
    )
    assert (link.url, link.title, link.description) == (URL, "A", "about a")
    assert link.tags == ("ant", "zebra")
    assert link.visibility is Visibility.PRIVATE
    assert link.status is LinkStatus.PENDING
    assert link.last_check is None
    assert manager.get_links(LinkQuery("alice")).links == [link]


def test_a_url_is_kept_as_it_was_given(manager: LinkManager) -> None:
    given = "HTTP://Example.com:80/?utm_source=x#part"
    assert manager.add_link("alice", NewLink(given)).url == given


def test_the_same_link_again_is_refused_in_any_spelling(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink("http://example.com/"))
    with pytest.raises(AlreadyExists):
        manager.add_link("alice", NewLink("HTTP://EXAMPLE.com?utm_source=x#y"))
    assert len(urls(manager)) == 1


def test_users_do_not_see_or_touch_each_others_links(manager: LinkManager) -> None:
    manager.add_link("bob", NewLink(URL))
    assert urls(manager) == []
    with pytest.raises(NotFound):
        manager.delete_link("alice", URL)
    with pytest.raises(NotFound):
        manager.update_link("alice", LinkChange(URL, title="mine"))


def test_links_come_newest_first_page_by_page(manager: LinkManager) -> None:
    for number in range(7):
        manager.add_link("alice", NewLink(f"{URL}{number}"))
    seen: list[str] = []
    token = None
    for _ in range(3):
        page = manager.get_links(LinkQuery("alice", page_size=3, start_token=token))
        seen += [link.url for link in page.links]
        token = page.next_page_token
    assert seen == [f"{URL}{number}" for number in reversed(range(7))]
    assert token is None


def test_paging_neither_skips_nor_repeats_while_links_are_added(manager: LinkManager) -> None:
    for number in range(4):
        manager.add_link("alice", NewLink(f"{URL}{number}"))
    first = manager.get_links(LinkQuery("alice", page_size=2))
    manager.add_link("alice", NewLink(f"{URL}new"))
    assert urls(manager, start_token=first.next_page_token) == [f"{URL}1", f"{URL}0"]


def test_a_full_last_page_has_no_next_one(manager: LinkManager) -> None:
    for number in range(2):
        manager.add_link("alice", NewLink(f"{URL}{number}"))
    assert manager.get_links(LinkQuery("alice", page_size=2)).next_page_token is None


def test_a_page_token_of_another_kind_is_refused(manager: LinkManager) -> None:
    for token in ("nonsense", "W10", "WyJhIiwxXQ", "é"):
        with pytest.raises(InvalidArgument) as caught:
            manager.get_links(LinkQuery("alice", start_token=token))
        assert caught.value.violations[0].field == "start_token"


def test_every_filter_must_match(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink("http://a.example/x", "Snakes", "about pythons", ("b", "c")))
    manager.add_link("alice", NewLink("http://b.example/x", "Birds", "about parrots", ("b",)))
    checked(manager, "http://a.example/x", "ok")
    assert urls(manager, url_regex=r"A\.EXAMPLE") == ["http://a.example/x"]
    assert urls(manager, title_regex="^bird") == ["http://b.example/x"]
    assert urls(manager, description_regex="python|perl") == ["http://a.example/x"]
    assert urls(manager, tags=("b",)) == ["http://b.example/x", "http://a.example/x"]
    assert urls(manager, tags=("B", "c")) == ["http://a.example/x"]
    assert urls(manager, status=LinkStatus.PENDING) == ["http://b.example/x"]
    assert urls(manager, url_regex="x", title_regex="s", tags=("z",)) == []


def test_a_wrong_regular_expression_is_named(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL))
    with pytest.raises(InvalidArgument) as caught:
        manager.get_links(LinkQuery("alice", url_regex="ok", title_regex="("))
    assert caught.value.violations[0].field == "title_regex"


def test_only_public_links_are_for_everybody(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL, visibility=Visibility.PRIVATE))
    manager.add_link("alice", NewLink(f"{URL}b"))
    assert urls(manager, public_only=True) == [f"{URL}b"]


def test_an_update_changes_only_what_is_given(manager: LinkManager) -> None:
    before = manager.add_link("alice", NewLink(URL, "A", "about", ("a", "b")))
    after = manager.update_link(
        "alice", LinkChange(URL, title="B", add_tags=("C",), remove_tags=("A",))
    )
    assert (after.title, after.description, after.tags) == ("B", "about", ("b", "c"))
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at
    assert manager.get_links(LinkQuery("alice")).links == [after]
    assert urls(manager, tags=("a",)) == []
    assert urls(manager, tags=("c",)) == [URL]


def test_what_is_not_there_cannot_be_updated_or_deleted(manager: LinkManager) -> None:
    with pytest.raises(NotFound):
        manager.update_link("alice", LinkChange(URL, title="B"))
    with pytest.raises(NotFound):
        manager.delete_link("alice", URL)


def test_tags_are_counted(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(f"{URL}1", tags=("b", "a")))
    manager.add_link("alice", NewLink(f"{URL}2", tags=("b",)))
    manager.add_link("bob", NewLink(f"{URL}3", tags=("c",)))
    assert manager.get_tags("alice").tags == [TagCount("a", 1), TagCount("b", 2)]


def test_one_check_serves_everybody_who_saved_the_url(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL))
    manager.add_link("bob", NewLink(f"{URL}#part"))
    now = datetime.now(UTC)
    checked(manager, URL, "not_found", now - timedelta(seconds=2))
    checked(manager, URL, "not_found", now)
    for user in ("alice", "bob"):
        link = manager.get_links(LinkQuery(user)).links[0]
        assert link.status is LinkStatus.INVALID
        assert link.last_check
        assert link.last_check.outcome == "not_found"


def test_only_the_newest_check_counts(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL))
    now = datetime.now(UTC)
    checked(manager, URL, "ok", now)
    checked(manager, URL, "timeout", now - timedelta(seconds=1))
    assert urls(manager, status=LinkStatus.VALID) == [URL]


def test_a_check_of_a_url_that_nobody_has_changes_nothing(manager: LinkManager) -> None:
    checked(manager, URL, "ok")
    assert manager.add_link("alice", NewLink(URL)).status is LinkStatus.PENDING


def test_a_link_that_is_deleted_and_added_again_is_checked_again(
    manager: LinkManager, published: Published
) -> None:
    manager.add_link("alice", NewLink(URL))
    checked(manager, URL, "ok")
    manager.delete_link("alice", URL)
    assert manager.add_link("alice", NewLink(URL)).status is LinkStatus.PENDING
    assert [event.subject for event in published()].count("links.check.requested") == 2


def test_a_url_that_somebody_else_has_keeps_its_status(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL))
    manager.add_link("bob", NewLink(URL))
    checked(manager, URL, "ok")
    manager.delete_link("bob", URL)
    assert manager.add_link("bob", NewLink(URL)).status is LinkStatus.VALID


def test_the_limit_of_links_is_kept_and_deleting_makes_room(manager: LinkManager) -> None:
    for number in range(10):
        manager.add_link("alice", NewLink(f"{URL}{number}"))
    with pytest.raises(FailedPrecondition, match="10 links"):
        manager.add_link("alice", NewLink(f"{URL}x"))
    manager.delete_link("alice", f"{URL}0")
    manager.add_link("alice", NewLink(f"{URL}x"))


def test_a_refused_link_does_not_count_against_the_limit(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL))
    for _ in range(20):
        with pytest.raises(AlreadyExists):
            manager.add_link("alice", NewLink(URL))
    manager.add_link("alice", NewLink(f"{URL}x"))


def test_each_change_publishes_one_event_and_a_failed_one_none(
    manager: LinkManager, published: Published
) -> None:
    manager.add_link("alice", NewLink(URL, "A"))
    with pytest.raises(AlreadyExists):
        manager.add_link("alice", NewLink(URL, "A"))
    manager.add_link("bob", NewLink(URL, "B", visibility=Visibility.PRIVATE))
    manager.update_link("alice", LinkChange(URL, title="A2"))
    manager.delete_link("alice", URL)
    assert [event.subject for event in published()] == [
        "links.added",
        "links.check.requested",
        "links.added",
        "links.updated",
        "links.deleted",
    ]
    added, check, of_bob, updated, deleted = published()
    assert check.data["url"] == URL
    assert {event.data["author"] for event in (added, updated, deleted)} == {"alice"}
    assert added.data["link"]["title"] == "A"
    assert updated.data["link"]["title"] == deleted.data["link"]["title"] == "A2"
    assert of_bob.data["link"]["visibility"] == "private"
