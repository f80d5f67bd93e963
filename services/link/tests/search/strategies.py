"""Links and queries that Hypothesis makes: of few words, so that they often match."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from delinkcious.object_model.links import Link, LinkStatus, Visibility
from link_service.search.nodes import (
    After,
    And,
    Before,
    Field,
    HasStatus,
    HasVisibility,
    Node,
    Not,
    Or,
    Site,
    Tagged,
    Untagged,
    Words,
)
from link_service.text import words

WORDS = ["a", "ab", "abc", "b", "ba", "é", "Ab", "東", "東京", "한국", "it's", "x" * 101, "\\", "…"]
TAGS = ["a", "ab", "b a", "it's", 'a"b', "\\", "東京", "é", "🎉", "#a", "“a”"]
HOSTS = ["a.b.example", "b.example", "ab.b.example", "example", "xn--e-bia.example", "10.0.0.1"]
MOMENTS = [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 5, 12)]

texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=20)
urls = st.builds(
    "https://{}/{}".format,
    st.sampled_from([*HOSTS, "é.example"]),
    st.sampled_from(["", "a", "a/b", "%C3%A9?a=b#ab", "a-b", "%"]),
)
links = st.builds(
    Link,
    id=st.just(1),
    url=urls,
    title=texts,
    description=texts,
    tags=st.sets(st.sampled_from(TAGS), max_size=3).map(lambda tags: tuple(sorted(tags))),
    visibility=st.sampled_from(Visibility),
    status=st.sampled_from(LinkStatus),
    last_check=st.none(),
    created_at=st.sampled_from(MOMENTS),
    updated_at=st.just(MOMENTS[-1]),
)


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    flat = [one for part in parts for one in (part.parts if isinstance(part, kind) else (part,))]
    return kind(tuple(flat))


def _branches(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=2, max_size=3)
    return (
        several.map(lambda parts: _flat(And, parts))
        | several.map(lambda parts: _flat(Or, parts))
        | children.map(lambda part: part.part if isinstance(part, Not) else Not(part))
    )


leaves: st.SearchStrategy[Node] = (
    st.builds(
        Words,
        words=texts.map(words).filter(bool).map(lambda found: tuple(found[:3])),
        prefix=st.booleans(),
        field=st.sampled_from([None, Field.TITLE, Field.URL]),
    )
    | st.builds(Tagged, st.sampled_from(TAGS))
    | st.just(Untagged())
    | st.builds(Site, st.sampled_from(HOSTS))
    | st.builds(HasStatus, st.sampled_from(LinkStatus))
    | st.builds(HasVisibility, st.sampled_from(Visibility))
    | st.builds(Before, st.sampled_from(MOMENTS))
    | st.builds(After, st.sampled_from(MOMENTS))
)
queries: st.SearchStrategy[Node] = st.recursive(leaves, _branches, max_leaves=8)
