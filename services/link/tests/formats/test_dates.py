"""Dates as browsers and link managers write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_service.formats.dates import parse_date

MOMENT = datetime(2013, 4, 17, 17, 47, 12, tzinfo=UTC)

SECONDS = "1366220832"

SAME = [
    SECONDS,
    f" {SECONDS}\n",
    SECONDS + "000",
    SECONDS + "000000",
    SECONDS + "000000000",
    "13010694432000000",
    SECONDS + ".0",
    "2013-04-17T17:47:12Z",
    "2013-04-17 17:47:12",
    "2013-04-17 17:47:12 UTC",
    "2013-04-17T19:47:12+02:00",
    "2013-04-17T17:47:12.000Z",
    "20130417T174712",
]

NONE = [
    "yesterday",
    "-1366220832",
    "12",
    "2013-02-30",
    "2013-04-17T25:00:00",
    "9" * 20,
    "9" * 5000,
    "0001-01-01T00:00:00+23:00",
    "04/17/2013",
    "①②③④⑤⑥⑦⑧⑨",
]


@pytest.mark.parametrize("text", SAME)
def test_a_moment_is_the_same_in_every_way_of_writing_it(text: str) -> None:
    assert parse_date(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        (SECONDS + "123", 123_000),
        (SECONDS + "123456", 123_456),
        (SECONDS + "123456789", 123_456),
        (SECONDS + ".1234567", 123_456),
        ("2013-04-17T17:47:12.123456+00:00", 123_456),
    ],
)
def test_fractions_of_a_second_are_kept(text: str, microsecond: int) -> None:
    assert parse_date(text) == MOMENT.replace(microsecond=microsecond)


def test_a_day_begins_at_midnight() -> None:
    assert parse_date("2013-04-17") == parse_date("20130417") == datetime(2013, 4, 17, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", " ", "0", "000"])
def test_nothing_and_zero_say_that_nobody_knows(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_date(text)


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[0-9.:TZ+-]{1,40}", fullmatch=True)))
def test_any_text_is_a_date_in_utc_or_a_value_error(text: str) -> None:
    try:
        moment = parse_date(text)
    except ValueError:
        return
    assert moment is None or moment.tzinfo is UTC
