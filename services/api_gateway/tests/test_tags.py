"""Tags through the gateway: counted, found by their beginning, renamed, merged and deleted."""

from typing import Any
from urllib.parse import quote

import pytest

from api_gateway.testing import Caller, fields
from link_service.domain import normalize_tag

URL = "https://www.python.org/"
NAMES = [
    "two words", "über", "日本語", "🦊", "a/b", "/a", "a/", "//", "..", ".", "a/../b", "%", "%2f",
    "?", "a?b=c", "#", "c++", "a&b", ";", "\"'", "\\", "<b>", "{name}", "null", "x" * 64,
]  # fmt: skip


def path(name: str) -> str:
    return f"/v1/tags/{quote(name, safe='')}"


def tags(caller: Caller, **query: Any) -> dict[str, int]:
    """The tags of a page, and on how many links each is."""
    response = caller.get("/v1/tags", query_string=query)
    assert response.status_code == 200, response.text
    return {tag["name"]: tag["count"] for tag in (response.json or {})["tags"]}


def test_tags_are_counted_by_name(alice: Caller, bob: Caller) -> None:
    alice.add(f"{URL}1", tags=["b", "a"])
    alice.add(f"{URL}2", tags=["b"])
    bob.add(URL, tags=["c"])
    assert alice.get("/v1/tags").json == {
        "tags": [{"name": "a", "count": 1}, {"name": "b", "count": 2}],
        "next_page_token": None,
    }


def test_tags_come_in_pages(alice: Caller) -> None:
    alice.add(URL, tags=["c", "a", "b"])
    first = alice.get("/v1/tags?page_size=2").json or {}
    assert [tag["name"] for tag in first["tags"]] == ["a", "b"]
    assert tags(alice, start_token=first["next_page_token"]) == {"c": 1}


def test_tags_are_found_by_how_they_begin_in_any_case(alice: Caller) -> None:
    alice.add(URL, tags=["Python", "pytest", "perl", "100%", "a_b", "Über"])
    assert tags(alice, prefix="PY") == {"pytest": 1, "python": 1}
    assert tags(alice, prefix="ü") == {"über": 1}
    assert tags(alice, prefix="%") == tags(alice, prefix="_") == tags(alice, prefix=",") == {}
    assert len(tags(alice, prefix="")) == 6


@pytest.mark.parametrize("name", NAMES)
def test_any_tag_can_be_renamed_and_deleted_by_its_name(alice: Caller, name: str) -> None:
    alice.add(URL, tags=[name, "other"])
    renamed = alice.put(path(name), json={"name": "new"})
    assert (renamed.status_code, renamed.json) == (200, {"links": 1})
    assert tags(alice) == {"new": 1, "other": 1}
    back = alice.put(path("new"), json={"name": name})
    assert (back.status_code, tags(alice)) == (200, {normalize_tag(name): 1, "other": 1})
    assert alice.links(tag=name) != []
    deleted = alice.delete(path(name))
    assert (deleted.status_code, deleted.json) == (200, {"links": 1})
    assert tags(alice) == {"other": 1}


def test_a_name_is_one_tag_however_it_is_written(alice: Caller) -> None:
    alice.add(URL, tags=["Two  Words"])
    assert alice.put(path(" TWO words "), json={"name": "ﬁne"}).json == {"links": 1}
    assert tags(alice) == {"fine": 1}


def test_a_name_that_is_another_tags_makes_one_of_the_two(alice: Caller) -> None:
    alice.add(f"{URL}1", tags=["py"])
    alice.add(f"{URL}2", tags=["py", "python"])
    alice.add(f"{URL}3", tags=["python"])
    assert alice.put("/v1/tags/py", json={"name": "Python"}).json == {"links": 2}
    assert tags(alice) == {"python": 3}


def test_the_new_name_may_come_in_a_form_or_the_query(alice: Caller) -> None:
    alice.add(URL, tags=["a"])
    assert alice.put("/v1/tags/a", data={"name": "b"}).status_code == 200
    assert alice.put("/v1/tags/b?name=c").status_code == 200
    assert tags(alice) == {"c": 1}


def test_the_tags_of_others_stay_as_they_are(alice: Caller, bob: Caller) -> None:
    alice.add(URL, tags=["a"])
    bob.add(URL, tags=["a"])
    assert alice.put("/v1/tags/a", json={"name": "b"}).json == {"links": 1}
    assert alice.delete("/v1/tags/b").json == {"links": 1}
    assert (tags(alice), tags(bob)) == ({}, {"a": 1})


@pytest.mark.parametrize("name", ["nope", "a,b", " ", "\x00", "\n", "x" * 65, "tags/a", "\ud7ff"])
def test_a_tag_that_nobody_has_or_can_have_is_a_404_that_names_it(alice: Caller, name: str) -> None:
    alice.add(URL, tags=["a"])
    for response in (
        alice.put(path(name), json={"name": "b"}),
        alice.delete(path(name)),
    ):
        assert (response.status_code, fields(response)) == (404, ["name"])
    assert tags(alice) == {"a": 1}


def test_there_is_nothing_at_the_path_of_no_tag_or_an_endless_one(alice: Caller) -> None:
    for name in ("", "x" * 10_000):
        assert alice.delete(f"/v1/tags/{name}").status_code == 404


@pytest.mark.parametrize(
    ("options", "status", "field"),
    [
        ({"json": {}}, 400, "name"),
        ({"json": {"name": ""}}, 400, "name"),
        ({"json": {"name": " "}}, 400, "name"),
        ({"json": {"name": "a,b"}}, 400, "name"),
        ({"json": {"name": "a\n"}}, 400, "name"),
        ({"json": {"name": "a\0"}}, 400, "name"),
        ({"json": {"name": "x" * 65}}, 400, "name"),
        ({"json": {"name": "x" * 100_000}}, 400, "name"),
        ({"json": {"name": 7}}, 400, "name"),
        ({"json": {"name": ["a"]}}, 400, "name"),
        ({"json": ["b"]}, 400, "body"),
        ({"data": b"{", "content_type": "application/json"}, 400, "body"),
        ({"data": b"<a/>", "content_type": "text/xml"}, 415, "Content-Type"),
    ],
)
def test_a_new_name_that_is_none_is_refused(
    alice: Caller, options: dict[str, Any], status: int, field: str
) -> None:
    alice.add(URL, tags=["a"])
    response = alice.put("/v1/tags/a", **options)
    assert (response.status_code, fields(response)) == (status, [field])
    assert tags(alice) == {"a": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start_token=nonsense", "start_token"),
        ("start_token=WzFd", "start_token"),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("prefix=" + "x" * 65, "prefix"),
        ("prefix=%00", "prefix"),
        ("prefix=a&prefix=b", "prefix"),
    ],
)
def test_a_wrong_parameter_of_the_list_is_named(alice: Caller, query: str, field: str) -> None:
    response = alice.get(f"/v1/tags?{query}")
    assert (response.status_code, fields(response)) == (400, [field])


def test_what_a_link_has_and_what_is_asked_for_follow_one_rule(alice: Caller) -> None:
    """A tag is the same wherever it is given, and wrong everywhere if it is wrong anywhere."""
    alice.add(URL, tags=["Straße  Nord"])
    assert tags(alice) == {"straße nord": 1}
    assert len(alice.links(tag="STRAßE NORD")) == 1
    assert len(alice.links(q='tag:"straße nord"')) == 1
    for wrong in ("a,b", "x" * 65, "\n"):
        added = alice.post("/v1/links", json={"url": f"{URL}2", "tags": [wrong]})
        changed = alice.put("/v1/links", json={"url": URL, "add_tags": [wrong]})
        removed = alice.put("/v1/links", json={"url": URL, "remove_tags": [wrong]})
        filtered = alice.get("/v1/links", query_string={"tag": wrong})
        searched = alice.get("/v1/links", query_string={"q": f'tag:"{wrong}"'})
        answers = (added, changed, removed, filtered, searched)
        assert [answer.status_code for answer in answers] == [400] * 5
        assert [fields(answer) for answer in answers] == [
            ["tags"], ["add_tags"], ["remove_tags"], ["tag"], ["q"],
        ]  # fmt: skip
