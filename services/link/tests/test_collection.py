"""What a whole collection can do: sorting, tags, bulk changes, lookup, titles and changes to be
mirrored; on the store in memory and on Postgres.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delinkcious.errors import DelinkciousError, Gone, InvalidArgument, NotFound
from delinkcious.object_model.links import (
    BulkChange,
    CheckResult,
    Link,
    LinkChange,
    LinkQuery,
    LinkStatus,
    NewLink,
    Order,
    Sort,
    TagCount,
    Visibility,
)
from link_service import bulk
from link_service.manager import LinkManager
from link_service.ports import LinkStore, LinkTransaction

from .conftest import Published


@pytest.fixture
def manager(store: LinkStore) -> LinkManager:
    return LinkManager(store, max_links_per_user=100)


def add(manager: LinkManager, name: str, *, username: str = "alice", **fields: object) -> Link:
    return manager.add_link(username, NewLink(f"https://{name}.example/", **fields))  # type: ignore[arg-type]


def titles(manager: LinkManager, **query: object) -> list[str]:
    """The titles of all pages, two links each."""
    found: list[str] = []
    token = None
    while True:
        page = manager.get_links(LinkQuery("alice", page_size=2, start_token=token, **query))  # type: ignore[arg-type]
        found += [link.title for link in page.links]
        token = page.next_page_token
        if token is None:
            return found


def named(error: DelinkciousError) -> list[str]:
    """The fields that an error names."""
    return [violation.field for violation in error.violations]


def checked(
    manager: LinkManager,
    url: str,
    outcome: str = "ok",
    title: str | None = None,
    ago: timedelta = timedelta(0),
) -> None:
    manager.record_check(CheckResult(url, outcome, 200, datetime.now(UTC) - ago, title=title))


class TestSorting:
    @pytest.fixture(autouse=True)
    def links(self, manager: LinkManager) -> None:
        for name, title in (("a", "zebra"), ("b", "Ant"), ("c", "ému"), ("d", "ant"), ("e", "")):
            add(manager, name, title=title)
        manager.update_link("alice", LinkChange("https://a.example/", description="new"))

    @pytest.mark.parametrize(
        ("sort", "order", "expected"),
        [
            (Sort.CREATED, None, ["", "ant", "ému", "Ant", "zebra"]),
            (Sort.CREATED, Order.ASCENDING, ["zebra", "Ant", "ému", "ant", ""]),
            (Sort.UPDATED, None, ["zebra", "", "ant", "ému", "Ant"]),
            (Sort.UPDATED, Order.ASCENDING, ["Ant", "ému", "ant", "", "zebra"]),
            (Sort.TITLE, None, ["", "Ant", "ant", "ému", "zebra"]),
            (Sort.TITLE, Order.DESCENDING, ["zebra", "ému", "ant", "Ant", ""]),
        ],
    )
    def test_pages_come_in_the_order_asked_for(
        self, manager: LinkManager, sort: Sort, order: Order | None, expected: list[str]
    ) -> None:
        assert titles(manager, sort=sort, order=order) == expected

    @pytest.mark.parametrize("sort", list(Sort))
    def test_a_token_of_another_order_is_refused(self, manager: LinkManager, sort: Sort) -> None:
        token = manager.get_links(LinkQuery("alice", sort=sort, page_size=1)).next_page_token
        others = [(other, None) for other in Sort if other is not sort]
        own = Order.ASCENDING if LinkQuery("alice", sort=sort).descending else Order.DESCENDING
        for other, order in [*others, (sort, own)]:
            with pytest.raises(InvalidArgument, match="start_token"):
                manager.get_links(LinkQuery("alice", sort=other, order=order, start_token=token))


class TestSearch:
    @pytest.fixture(autouse=True)
    def links(self, manager: LinkManager) -> None:
        add(manager, "docs", title="Python event loop", tags=("python", "async"))
        add(manager, "blog", title="Loops in Go", description="not Python", tags=("go",))
        add(manager, "café", title="Café", visibility=Visibility.PRIVATE)
        add(manager, "other", username="bob", title="Python of Bob")
        checked(manager, "https://docs.example/")
        for ago in (timedelta(minutes=1), timedelta(0)):  # missing at second sight
            checked(manager, "https://blog.example/", "not_found", ago=ago)

    @pytest.mark.parametrize(
        ("q", "expected"),
        [
            ("python", ["Loops in Go", "Python event loop"]),
            ("PYTHON loop*", ["Loops in Go", "Python event loop"]),
            ('"event loop"', ["Python event loop"]),
            ('"loop event"', []),
            ("python -go", ["Python event loop"]),
            ("cafe", ["Café"]),
            ("cafe OR #go", ["Café", "Loops in Go"]),
            ("tag:python", ["Python event loop"]),
            ("#python #async", ["Python event loop"]),
            ("untagged", ["Café"]),
            ("is:private", ["Café"]),
            ("is:invalid", ["Loops in Go"]),
            ("is:pending", ["Café"]),
            ("is:valid python", ["Python event loop"]),
            ("-is:valid", ["Café", "Loops in Go"]),
            ("site:docs.example", ["Python event loop"]),
            ("title:python", ["Python event loop"]),
            ("after:2000 before:2100 go", ["Loops in Go"]),
            ("before:2000", []),
        ],
    )
    def test_q_finds(self, manager: LinkManager, q: str, expected: list[str]) -> None:
        assert titles(manager, q=q) == expected

    def test_others_see_what_is_public(self, manager: LinkManager) -> None:
        assert titles(manager, q="cafe OR python", public_only=True) == [
            "Loops in Go",
            "Python event loop",
        ]

    def test_q_and_the_other_filters_all_have_to_match(self, manager: LinkManager) -> None:
        assert titles(manager, q="python", tags=("go",)) == ["Loops in Go"]
        assert titles(manager, q="python", status=LinkStatus.VALID) == ["Python event loop"]
        assert titles(manager, q="python", title_regex="^Loops") == ["Loops in Go"]

    def test_a_search_can_be_sorted(self, manager: LinkManager) -> None:
        assert titles(manager, q="python OR cafe", sort=Sort.TITLE) == [
            "Café",
            "Loops in Go",
            "Python event loop",
        ]

    def test_a_change_is_found_by_its_new_words_alone(self, manager: LinkManager) -> None:
        manager.update_link("alice", LinkChange("https://docs.example/", title="Rust"))
        assert titles(manager, q="event") == []
        assert titles(manager, q="rust") == ["Rust"]

    def test_a_wrong_query_is_named(self, manager: LinkManager) -> None:
        with pytest.raises(InvalidArgument, match="position"):
            manager.get_links(LinkQuery("alice", q="(python"))


class TestTags:
    @pytest.fixture(autouse=True)
    def links(self, manager: LinkManager) -> None:
        add(manager, "a", tags=("python", "web"))
        add(manager, "b", tags=("python", "py"))
        add(manager, "c", username="bob", tags=("python",))

    def test_tags_are_counted_and_paged(self, manager: LinkManager) -> None:
        first = manager.get_tags("alice", page_size=2)
        assert list(first.tags) == [TagCount("py", 1), TagCount("python", 2)]
        rest = manager.get_tags("alice", start_token=first.next_page_token)
        assert (list(rest.tags), rest.next_page_token) == ([TagCount("web", 1)], None)

    def test_tags_are_found_by_how_they_begin(self, manager: LinkManager) -> None:
        assert [tag.name for tag in manager.get_tags("alice", prefix="Py").tags] == ["py", "python"]
        assert list(manager.get_tags("alice", prefix="%").tags) == []

    def test_counts_follow_changes(self, manager: LinkManager) -> None:
        manager.update_link(
            "alice", LinkChange("https://a.example/", add_tags=("go",), remove_tags=("web",))
        )
        manager.delete_link("alice", "https://b.example/")
        assert list(manager.get_tags("alice").tags) == [TagCount("go", 1), TagCount("python", 1)]

    def test_a_tag_is_renamed_everywhere(self, manager: LinkManager, published: Published) -> None:
        assert manager.rename_tag("alice", "Python", "snake") == 2
        assert list(manager.get_tags("alice").tags) == [
            TagCount("py", 1),
            TagCount("snake", 2),
            TagCount("web", 1),
        ]
        assert [tag.name for tag in manager.get_tags("bob").tags] == ["python"]
        assert [entry.subject for entry in published()].count("links.updated") == 2
        assert len(manager.get_links(LinkQuery("alice", q="#snake")).links) == 2
        assert manager.get_links(LinkQuery("alice", tags=("python",))).links == []

    def test_renaming_to_a_tag_that_is_there_makes_one_of_two(self, manager: LinkManager) -> None:
        assert manager.rename_tag("alice", "py", "python") == 1
        assert list(manager.get_tags("alice").tags) == [TagCount("python", 2), TagCount("web", 1)]

    def test_a_tag_is_deleted_everywhere(self, manager: LinkManager) -> None:
        assert manager.delete_tag("alice", "python") == 2
        assert [tag.name for tag in manager.get_tags("alice").tags] == ["py", "web"]

    @pytest.mark.parametrize("name", ["nope", "pyth", "a,b", "", "x" * 65, "a\0"])
    def test_a_tag_that_is_not_there_or_cannot_be_is_not_found(
        self, manager: LinkManager, name: str
    ) -> None:
        with pytest.raises(NotFound) as caught:
            manager.rename_tag("alice", name, "x")
        assert named(caught.value) == ["name"]
        with pytest.raises(NotFound) as caught:
            manager.delete_tag("alice", name)
        assert named(caught.value) == ["name"]

    @pytest.mark.parametrize("name", ["a,b", " ", "x" * 65, "a\nb"])
    def test_a_new_name_that_is_no_tag_is_refused(self, manager: LinkManager, name: str) -> None:
        for old in ("python", "nope"):
            with pytest.raises(InvalidArgument) as caught:
                manager.rename_tag("alice", old, name)
            assert named(caught.value) == ["name"]

    def test_a_tag_renamed_to_itself_changes_no_link(
        self, manager: LinkManager, published: Published
    ) -> None:
        before = published()
        assert manager.rename_tag("alice", "PYTHON", " python ") == 2
        assert published() == before
        with pytest.raises(NotFound):
            manager.rename_tag("alice", "nope", "nope")


class TestBulk:
    def test_links_named_by_ids_change_and_the_rest_stay(
        self, manager: LinkManager, published: Published
    ) -> None:
        a, b, c = (add(manager, name, tags=("x",)) for name in "abc")
        foreign = add(manager, "d", username="bob")
        result = manager.bulk_change(
            "alice", BulkChange(ids=(a.id, b.id, foreign.id), add_tags=("y",), remove_tags=("x",))
        )
        assert (result.found, result.changed) == (2, (a.id, b.id))
        assert [link.id for link in manager.get_links(LinkQuery("alice", tags=("x",))).links] == [
            c.id
        ]
        assert [entry.subject for entry in published()].count("links.updated") == 2

    def test_what_is_as_wanted_already_is_left_alone(self, manager: LinkManager) -> None:
        link = add(manager, "a", visibility=Visibility.PRIVATE)
        result = manager.bulk_change(
            "alice", BulkChange(ids=(link.id,), visibility=Visibility.PRIVATE)
        )
        assert (result.found, result.changed) == (1, ())
        assert manager.get_links(LinkQuery("alice")).links == [link]

    def test_a_link_that_no_longer_matches_when_its_turn_comes_is_left_alone(
        self, manager: LinkManager, store: LinkStore
    ) -> None:
        """Changes of a collection come one after another; this one waits for another."""
        kept, gone = add(manager, "kept", tags=("old",)), add(manager, "gone", tags=("old",))

        class Late:
            get_links = staticmethod(store.get_links)

            @contextmanager
            def change(self, username: str) -> Iterator[LinkTransaction]:
                manager.update_link(username, LinkChange(kept.url, remove_tags=("old",)))
                with store.change(username) as collection:
                    yield collection

        late: Any = Late()
        result = bulk.change(late, "alice", BulkChange(q="#old", delete=True))
        assert result.deleted == (gone.id,)

    def test_links_named_by_a_query_are_deleted(
        self, manager: LinkManager, published: Published
    ) -> None:
        gone, kept = add(manager, "a", title="old"), add(manager, "b", title="new")
        result = manager.bulk_change("alice", BulkChange(q="old", delete=True))
        assert (result.deleted, result.next_page_token) == ((gone.id,), None)
        assert manager.get_links(LinkQuery("alice")).links == [kept]
        assert [entry.subject for entry in published()].count("links.deleted") == 1

    def test_deleted_links_make_room_for_new_ones(self, store: LinkStore) -> None:
        manager = LinkManager(store, max_links_per_user=1)
        link = add(manager, "a")
        manager.bulk_change("alice", BulkChange(ids=(link.id,), delete=True))
        assert add(manager, "b").url == "https://b.example/"

    def test_checks_are_counted(self, manager: LinkManager) -> None:
        link = add(manager, "a")
        result = manager.bulk_change("alice", BulkChange(ids=(link.id,), check=True))
        assert (result.checks, result.changed) == (1, ())

    def test_one_link_with_too_many_tags_stops_all(self, manager: LinkManager) -> None:
        full = add(manager, "a", tags=tuple(f"t{n}" for n in range(50)))
        other = add(manager, "b")
        with pytest.raises(InvalidArgument, match="at most 50"):
            manager.bulk_change("alice", BulkChange(ids=(full.id, other.id), add_tags=("new",)))
        assert manager.get_links(LinkQuery("alice", tags=("new",))).links == []

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (BulkChange(add_tags=("a",)), "ids"),
            (BulkChange(ids=(1,), q="x", add_tags=("a",)), "ids"),
            (BulkChange(ids=tuple(range(1, 1002)), delete=True), "ids"),
            (BulkChange(ids=(1,)), "body"),
            (BulkChange(ids=(1,), delete=True, add_tags=("a",)), "delete"),
            (BulkChange(ids=(1,), delete=True, check=True), "delete"),
            (BulkChange(ids=(1,), start_token="x", delete=True), "start_token"),
            (BulkChange(q="x", start_token="x", delete=True), "start_token"),
            (BulkChange(q="(", delete=True), "q"),
            (BulkChange(ids=(1,), add_tags=("a,b",)), "add_tags"),
            (BulkChange(ids=(1,), remove_tags=("",)), "remove_tags"),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_named(
        self, manager: LinkManager, change: BulkChange, field: str
    ) -> None:
        with pytest.raises(InvalidArgument) as caught:
            manager.bulk_change("alice", change)
        assert named(caught.value) == [field]


class TestLookup:
    def test_a_url_is_found_in_any_spelling(self, manager: LinkManager) -> None:
        link = add(manager, "a", visibility=Visibility.PRIVATE)
        add(manager, "a", username="bob")
        found = manager.lookup("alice", "HTTPS://A.example#x")
        assert (found.link, found.saved_by) == (link, 1)

    def test_a_url_that_only_others_have_says_how_many(self, manager: LinkManager) -> None:
        add(manager, "a", username="bob")
        add(manager, "a", username="carol", visibility=Visibility.PRIVATE)
        found = manager.lookup("alice", "https://a.example/")
        assert (found.link, found.saved_by) == (None, 1)

    def test_a_url_that_nobody_has_is_no_error(self, manager: LinkManager) -> None:
        found = manager.lookup("alice", "https://a.example/")
        assert (found.link, found.saved_by) == (None, 0)


class TestTitles:
    def test_a_link_without_a_title_gets_that_of_its_page(self, manager: LinkManager) -> None:
        add(manager, "a")
        add(manager, "a", username="bob", title="Bob's own")
        checked(manager, "https://a.example/", title="Example")
        assert titles(manager) == ["Example"]
        assert manager.get_links(LinkQuery("bob")).links[0].title == "Bob's own"
        assert titles(manager, q="example title:example") == ["Example"]

    def test_the_next_who_saves_it_gets_the_title_at_once(self, manager: LinkManager) -> None:
        add(manager, "a", username="bob")
        checked(manager, "https://a.example/", title="Example")
        assert add(manager, "a").title == "Example"

    def test_a_title_is_asked_for_only_where_one_is_missing(
        self, manager: LinkManager, published: Published
    ) -> None:
        add(manager, "a", title="Mine")
        add(manager, "b")
        asked = [
            e.data["title_wanted"] for e in published() if e.subject == "links.check.requested"
        ]
        assert asked == [False, True]

    def test_a_title_that_is_missing_later_is_asked_for_then(
        self, manager: LinkManager, published: Published
    ) -> None:
        add(manager, "a", title="Mine")
        add(manager, "a", username="bob")
        asked = [
            e.data["title_wanted"] for e in published() if e.subject == "links.check.requested"
        ]
        assert asked == [False, True]


class TestChanges:
    def mirror(
        self, manager: LinkManager, since: str | None = None, seen: dict[int, str] | None = None
    ) -> tuple[dict[int, str], str]:
        """Follows the changes as a client does; returns its titles by id, and its token."""
        seen = {} if seen is None else seen
        while True:
            page = manager.get_changes("alice", since=since, page_size=2)
            for change in page.changes:
                if change["type"] == "deleted":
                    seen.pop(change["id"], None)
                else:
                    seen[change["link"]["id"]] = change["link"]["title"]
            since = page.next_token
            if len(page.changes) < 2:
                return seen, since

    def test_a_client_can_mirror_a_collection(self, manager: LinkManager) -> None:
        a, b, c = (add(manager, name, title=name) for name in "abc")
        add(manager, "d", username="bob")
        seen, token = self.mirror(manager)
        assert seen == {a.id: "a", b.id: "b", c.id: "c"}
        manager.update_link("alice", LinkChange(a.url, title="A"))
        manager.delete_link("alice", b.url)
        d = add(manager, "d", title="d")
        seen, token = self.mirror(manager, token, seen)
        assert seen == {a.id: "A", c.id: "c", d.id: "d"}
        assert self.mirror(manager, token) == ({}, token)

    def test_a_check_that_changes_the_status_is_a_change(self, manager: LinkManager) -> None:
        link = add(manager, "a", title="a")
        _, token = self.mirror(manager)
        checked(manager, link.url)
        (change,) = manager.get_changes("alice", since=token).changes
        assert change["link"]["status"] == "valid"

    def test_a_check_that_finds_the_same_is_none(self, manager: LinkManager) -> None:
        link = add(manager, "a", title="a")
        checked(manager, link.url)
        _, token = self.mirror(manager)
        checked(manager, link.url)
        assert manager.get_changes("alice", since=token).changes == []

    def test_an_empty_collection_has_a_token_too(self, manager: LinkManager) -> None:
        page = manager.get_changes("alice")
        assert page.changes == []
        link = add(manager, "a")
        (change,) = manager.get_changes("alice", since=page.next_token).changes
        assert change["link"]["id"] == link.id

    def test_a_token_of_a_collection_that_went_further_is_of_another_one(
        self, manager: LinkManager
    ) -> None:
        """Of an account that is gone, or from before a backup was restored: what the client has is
        not this collection.
        """
        for name in "abc":
            add(manager, name)
        _, token = self.mirror(manager)
        add(manager, "a", username="bob")
        for somebody_else in ("bob", "nobody"):
            with pytest.raises(Gone):
                manager.get_changes(somebody_else, since=token)

    @pytest.mark.parametrize("since", ["", "nonsense", "WyJhIl0", "WzEsMl0x"])
    def test_a_wrong_token_is_named(self, manager: LinkManager, since: str) -> None:
        with pytest.raises(InvalidArgument, match="since"):
            manager.get_changes("alice", since=since)


def test_an_older_result_does_not_undo_a_newer_one(manager: LinkManager) -> None:
    """Results that come late change nothing."""
    link = add(manager, "a")
    now = datetime.now(UTC)
    manager.record_check(CheckResult(link.url, "ok", 200, now))
    manager.record_check(CheckResult(link.url, "timeout", None, now - timedelta(seconds=1)))
    assert manager.get_links(LinkQuery("alice")).links[0].status is LinkStatus.VALID
