"""A query as a condition for Postgres."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given

from link_service.search import condition, lift_tags, parse
from link_service.search.lexemes import owner_prefix
from link_service.search.nodes import And, Node, Not, Words

from .strategies import queries

PREFIX = owner_prefix("alice")

VECTORS = [
    ("a", "'~a'"),
    ("a b", "('~a' & '~b')"),
    ("a OR -b", "('~a' | !'~b')"),
    ('a-b "c d"*', "(('~a' <-> '~b') & ('~c' <-> '~d':*))"),
    ('title:"a b"* url:c', "(('~a':A <-> '~b':*A) & '~c':C)"),
    ("#a -untagged", "('~#a' & !'~!untagged')"),
    ("""#"it's\\\\" """, "'~#it''s\\\\'"),
    ("site:a.example is:public", "('~@a.example' & '~!public')"),
    ("-(a (b OR c))", "!('~a' & ('~b' | '~c'))"),
]

MIXED = [
    ("is:valid", "l.status = %(q0)s", ["valid"]),
    ("-is:valid", "NOT l.status = %(q0)s", ["valid"]),
    (
        "after:2024 before:2025",
        "(l.created_at >= %(q0)s AND l.created_at < %(q1)s)",
        [datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)],
    ),
    (
        "a is:valid b -c",
        "(l.search @@ %(q0)s::tsquery AND l.status = %(q1)s)",
        ["('~a' & '~b' & !'~c')", "valid"],
    ),
    (
        "a OR is:valid OR b",
        "(l.search @@ %(q0)s::tsquery OR l.status = %(q1)s)",
        ["('~a' | '~b')", "valid"],
    ),
    (
        "a -(is:valid OR b)",
        "(l.search @@ %(q0)s::tsquery AND NOT (l.search @@ %(q1)s::tsquery OR l.status = %(q2)s))",
        ["'~a'", "'~b'", "valid"],
    ),
]

INDEXABLE = ["a", "-a b", "a is:valid", "a OR b", "a OR (b is:valid)", "#a", "site:a", "untagged"]
NOT_INDEXABLE = ["-a", "-a -b", "is:valid", "a OR is:valid", "a OR -b", "before:2024", "-(a b)"]


@pytest.mark.parametrize(("q", "vector"), VECTORS)
def test_what_the_vector_can_tell_is_one_question_to_it(q: str, vector: str) -> None:
    found = condition(parse(q), "alice")
    assert found.sql == "l.search @@ %(q0)s::tsquery"
    assert found.parameters == {"q0": vector.replace("~", PREFIX)}


@pytest.mark.parametrize(("q", "sql", "values"), MIXED)
def test_what_the_vector_cannot_tell_is_asked_beside_it(
    q: str, sql: str, values: list[object]
) -> None:
    found = condition(parse(q), "alice")
    assert found.sql == sql
    assert list(found.parameters.values()) == [
        value.replace("~", PREFIX) if isinstance(value, str) else value for value in values
    ]


@pytest.mark.parametrize("q", INDEXABLE)
def test_the_index_narrows_down_what_must_be_there(q: str) -> None:
    assert condition(parse(q), "alice").indexable


@pytest.mark.parametrize("q", NOT_INDEXABLE)
def test_the_index_does_not_narrow_down_what_must_not_be_there(q: str) -> None:
    assert not condition(parse(q), "alice").indexable


@given(queries)
def test_no_text_of_the_user_is_in_the_sql(node: Node) -> None:
    found = condition(node, "alice")
    names = re.findall(r"%\((q\d+)\)s", found.sql)
    assert names == list(found.parameters)
    known = r"%\(q\d+\)s|::tsquery|l\.(search|status|created_at)|AND|OR|NOT|@@|>=|<|=|[() ]"
    assert re.fullmatch(f"({known})+", found.sql)


@pytest.mark.parametrize(
    ("q", "tags", "rest"),
    [
        ("#a", ("a",), None),
        ("#b #a #b", ("b", "a"), None),
        ("#a b", ("a",), Words(("b",))),
        ("#a b -c", ("a",), And((Words(("b",)), Not(Words(("c",)))))),
        ("a", (), Words(("a",))),
    ],
)
def test_the_tags_that_a_link_must_have_are_lifted(
    q: str, tags: tuple[str, ...], rest: Node | None
) -> None:
    assert lift_tags(parse(q)) == (tags, rest)


@pytest.mark.parametrize("q", ["-#a", "#a OR b", "a (#b OR c)"])
def test_tags_that_a_link_may_lack_stay_where_they_are(q: str) -> None:
    assert lift_tags(parse(q)) == ((), parse(q))
