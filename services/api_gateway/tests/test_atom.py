"""Atom: what a feed reader makes of what we write, and the rules of RFC 4287."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.atom import Entry, Feed, permanent_id, plain

ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = datetime(2026, 11, 20, 9, 30, 5, 120_000, tzinfo=UTC)
ENTRY = Entry(
    id=permanent_id("link", 1),
    title="Python",
    url="https://www.python.org/?a=1&b=2",
    updated=MOMENT,
    published=MOMENT - timedelta(days=1),
    author="bob",
    summary="The programming language",
    categories=("language", "python"),
)
FEED = Feed(
    id=permanent_id("links", "alice"),
    title="Links of alice",
    url="https://links.example/v1/users/alice/links.atom?tag=a&tag=b",
    updated=MOMENT,
    author="alice",
    entries=[ENTRY],
)
TEXT = st.text(st.characters() | st.sampled_from("<>&\"'\x00\x08\r\n\t\x85\ud800\ufffe]"))


def read(feed: Feed) -> feedparser.FeedParserDict:
    """The feed as a feed reader reads it, which must find nothing wrong."""
    found = feedparser.parse(feed.to_xml())
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def of(title: str = "t", summary: str = "s", tag: str = "g", author: str = "a") -> Feed:
    entry = replace(ENTRY, title=title, summary=summary, categories=(tag,), author=author)
    return replace(FEED, title=title, entries=[entry])


def as_xml_reads(text: str) -> str:
    """What is left of a text: no characters that XML has not, and ends of lines as one."""
    kept = [c for c in text if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or c >= "\ue000"]
    return re.sub("\r\n?", "\n", "".join(c for c in kept if c not in "\ufffe\uffff"))


def test_a_reader_finds_what_is_in_a_feed() -> None:
    feed = read(FEED).feed
    assert (feed.id, feed.title, feed.author) == (FEED.id, "Links of alice", "alice")
    assert feed.updated == "2026-11-20T09:30:05.120000+00:00"
    (own,) = feed.links
    assert (own.rel, own.type, own.href) == ("self", "application/atom+xml", FEED.url)


def test_a_reader_finds_what_is_in_an_entry() -> None:
    (entry,) = read(FEED).entries
    assert (entry.id, entry.title, entry.link) == (ENTRY.id, "Python", ENTRY.url)
    assert entry.summary == "The programming language"
    assert entry.author == "bob"
    assert [tag.term for tag in entry.tags] == ["language", "python"]
    assert entry.updated == "2026-11-20T09:30:05.120000+00:00"
    assert entry.published == "2026-11-19T09:30:05.120000+00:00"


def test_what_an_entry_does_not_have_is_not_in_it() -> None:
    bare = replace(ENTRY, published=None, author=None, summary="", categories=())
    (entry,) = read(replace(FEED, entries=[bare])).entries
    assert not {"published", "author", "summary", "content", "tags"} & set(entry)


def test_a_feed_may_be_empty() -> None:
    assert read(replace(FEED, entries=[])).entries == []


def test_moments_are_in_utc_wherever_they_were_measured() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert replace(FEED, updated=elsewhere).to_xml() == FEED.to_xml()


def test_the_same_content_is_the_same_bytes() -> None:
    assert replace(FEED, entries=[replace(ENTRY)]).to_xml() == FEED.to_xml()


def test_markup_that_people_typed_is_shown_and_never_run() -> None:
    typed = "<script>alert(1)</script> & <b>bold</b> &lt;i&gt; ]]>"
    root = ET.fromstring(of(typed, typed).to_xml())
    for name in ("title", "summary"):
        (node,) = root.iterfind(f"{ATOM}entry/{ATOM}{name}")
        assert (node.text, len(node), node.get("type", "text")) == (typed, 0, "text")
    assert read(of(typed)).entries[0].title_detail.type == "text/plain"


@given(TEXT, TEXT.filter(bool), TEXT, TEXT)
def test_whatever_people_type_the_feed_is_well_formed_and_holds_it(
    title: str, summary: str, tag: str, author: str
) -> None:
    root = ET.fromstring(of(title, summary, tag, author).to_xml())
    (entry,) = root.iterfind(f"{ATOM}entry")
    assert (entry.findtext(f"{ATOM}title") or "") == as_xml_reads(title)
    assert (entry.findtext(f"{ATOM}summary") or "") == as_xml_reads(summary)
    assert (entry.findtext(f"{ATOM}author/{ATOM}name") or "") == as_xml_reads(author)
    (category,) = entry.iterfind(f"{ATOM}category")
    assert category.get("term") == plain(tag)


@given(TEXT, TEXT)
def test_whatever_people_type_a_reader_finds_one_entry_and_nothing_wrong(
    title: str, summary: str
) -> None:
    assert [entry.id for entry in read(of(title, summary)).entries] == [ENTRY.id]


@given(st.characters() | st.sampled_from("\x00\x0b\x0c\x1f\x7f\x85\ud800\udfff\ufffe\uffff"))
def test_a_character_is_dropped_exactly_if_xml_cannot_name_it(character: str) -> None:
    try:
        ET.fromstring(f"<a>&#{ord(character)};</a>")
    except ET.ParseError:
        assert plain(character) == ""
    else:
        assert plain(character) == character


def missing(feed: ET.Element) -> Iterator[str]:
    """Which of the elements that RFC 4287 demands (4.1.1, 4.1.2, 4.2.7) are not there once."""
    for node in (feed, *feed.iterfind(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            if len(node.findall(f"{ATOM}{name}")) != 1:
                yield f"{node.tag} {name}"
        if not node.findtext(f"{ATOM}id"):
            yield f"{node.tag} without an id"
    for node in feed.iter(f"{ATOM}author"):
        if not node.findtext(f"{ATOM}name"):
            yield "author without a name"
    for node in feed.iterfind(f"{ATOM}entry"):
        alternates = [link for link in node.iterfind(f"{ATOM}link") if link.get("href")]
        if [link.get("rel") for link in alternates] != ["alternate"]:
            yield "entry without content and without an alternate"


def test_everything_that_the_rfc_demands_is_there() -> None:
    root = ET.fromstring(FEED.to_xml())
    assert root.tag == f"{ATOM}feed"
    assert list(missing(root)) == []
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "alice"
    known = {"id", "title", "updated", "published", "author", "name", "link", "category"}
    names = {node.tag.removeprefix(ATOM) for node in root.iter()}
    assert names == known | {"feed", "entry", "summary"}


def test_ids_are_urns_that_nothing_but_what_they_are_of_changes() -> None:
    one = permanent_id("link", "alice", 1)
    assert one == permanent_id("link", "alice", 1)
    assert UUID(one.removeprefix("urn:uuid:")).version == 5
    others = {permanent_id("link", "alice", "1"), permanent_id("link", "alice1")}
    assert len({one, *others}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"id": permanent_id("other")},
        {"title": "other"},
        {"url": "https://other.example/"},
        {"updated": MOMENT + timedelta(microseconds=1)},
        {"published": MOMENT},
        {"author": "carol"},
        {"summary": "other"},
        {"categories": ("python",)},
    ],
)
def test_another_entry_is_another_document(change: dict[str, Any]) -> None:
    other = replace(FEED, entries=[replace(ENTRY, **change)])
    assert other.to_xml() != FEED.to_xml()
