"""The view on a long text."""

import re

from link_service.formats.rows import MAX_ROW_LENGTH
from link_service.formats.window import Window


def test_everything_before_the_limit_can_be_seen_as_far_as_a_row_may_be_long() -> None:
    window = Window("a" * 1000 for _ in range(2000))
    seen = 0
    while window.more():
        ahead = len(window.text) - window.position
        assert window.ended or ahead >= MAX_ROW_LENGTH
        seen += window.limit - window.position
        window.position = window.limit
    assert seen == 2_000_000
    assert window.position == len(window.text)


def test_what_was_read_is_dropped() -> None:
    window = Window("a" * 1000 for _ in range(2000))
    longest = 0
    while window.more():
        longest = max(longest, len(window.text))
        window.position = window.limit
    assert longest <= MAX_ROW_LENGTH + 2000


def test_the_line_is_that_of_the_position() -> None:
    window = Window(iter(["a\nb", "\n", "\nc" + "x" * 2 * MAX_ROW_LENGTH + "\nd"]))
    found = []
    while window.more():
        for mark in "abcd":
            if (place := window.text.find(mark, window.position, window.limit)) >= 0:
                window.position = place
                found.append((mark, window.line))
        window.position = window.limit
    assert found == [("a", 1), ("b", 2), ("c", 4), ("d", 5)]


def test_a_mark_is_found_across_blocks_and_far_away() -> None:
    window = Window(iter(["<", "!" * 3 * MAX_ROW_LENGTH, "-", "-", ">", "rest"]))
    assert window.skip_past(re.compile("-->"))
    assert window.more()
    assert window.text[window.position :] == "rest"


def test_without_the_mark_the_text_ends() -> None:
    window = Window(iter(["a" * 3 * MAX_ROW_LENGTH]))
    assert not window.skip_past(re.compile("-->"))
    assert not window.more()
