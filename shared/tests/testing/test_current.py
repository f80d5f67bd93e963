"""What is made once, over what each test has of its own."""

import pytest

from delinkcious.testing.current import Current


def test_it_is_whoever_was_put_there_last() -> None:
    current = Current()
    for text in ("first", "second"):
        current.put(text)
        assert current.upper() == text.upper()


def test_with_nobody_there_nothing_answers() -> None:
    with pytest.raises(AttributeError, match="upper"):
        Current().upper()
