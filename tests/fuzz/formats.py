"""Good values for the formats of our own (`delinkcious.schemas.common.Documented`)."""

from datetime import UTC, datetime, timedelta
from typing import Final

import schemathesis
from hypothesis import strategies as st

_HOSTS: Final = (
    "example.com",
    "www.python.org",
    "xn--bcher-kva.example",
    "bücher.example",
    "under_score.example",
    "a.b.c.d.example.",
    "[2001:db8::1]",
    "192.0.2.7",
)
_URLS: Final = st.builds(
    "{}://{}{}/{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(_HOSTS),
    st.sampled_from(["", ":80", ":443", ":8443", ":65535"]),
    st.text("aZ0/.~%-_é漢", max_size=20),
    st.sampled_from(["", "?a=b&a=c", "?utm_source=x&b=%20"]),
    st.sampled_from(["", "#part"]),
)
_TAGS: Final = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters=","),
    min_size=1,
    max_size=15,
)
_WORDS: Final = st.sampled_from(
    (
        "python",
        '"event loop"',
        "pyth*",
        "tag:old",
        "#x",
        "untagged",
        "site:python.org",
        "is:valid",
        "is:public",
        "before:2026",
        "after:2025-01-31",
        "title:漢字",
        "-not",
    )
)
_QUERIES: Final = st.recursive(
    _WORDS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(" OR ".join),
        inner.map("({})".format),
    ),
    max_leaves=6,
)
_REGEXES: Final = st.sampled_from(
    ["a", "^https?://", "(py|thon)+", "[a-z]{2,5}", r"\d+", ".", "$", "[[:alpha:]]", "漢|é"]
)


def register() -> None:
    """Makes them known; for the whole process."""
    schemathesis.openapi.format("http-url", _URLS)
    schemathesis.openapi.format("tag", _TAGS)
    schemathesis.openapi.format("search-query", _QUERIES)
    schemathesis.openapi.format("posix-regex", _REGEXES)
    schemathesis.openapi.format("page-token", st.just("WyIiXQ"))
    schemathesis.openapi.format("date-time", _in_years())


def _in_years() -> st.SearchStrategy[str]:
    """Times far off: whoever sends one wants something to last until then."""
    first = datetime(2100, 1, 1, tzinfo=UTC)
    return st.integers(0, 1000).map(lambda days: (first + timedelta(days=days)).isoformat())
