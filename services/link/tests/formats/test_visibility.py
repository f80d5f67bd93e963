"""Who may see a link, as link managers write it."""

import pytest

from delinkcious.object_model.links import Visibility
from link_service.formats.visibility import read_visibility


@pytest.mark.parametrize(
    ("said", "visibility"),
    [
        ({"visibility": "Private"}, Visibility.PRIVATE),
        ({"visibility": "public", "private": "1"}, Visibility.PUBLIC),
        ({"private": "1"}, Visibility.PRIVATE),
        ({"private": "0", "public": "0"}, Visibility.PUBLIC),
        ({"public": " yes "}, Visibility.PUBLIC),
        ({"public": "no"}, Visibility.PRIVATE),
    ],
)
def test_the_first_text_that_says_anything_decides(
    said: dict[str, str], visibility: Visibility
) -> None:
    assert read_visibility(**said) == (visibility, ())


def test_a_file_may_say_nothing() -> None:
    assert read_visibility(visibility=" ") == (None, ())


@pytest.mark.parametrize("said", [{"visibility": "friends"}, {"private": "?"}, {"public": "-"}])
def test_what_is_not_understood_is_private_and_remarked_on(said: dict[str, str]) -> None:
    visibility, remarks = read_visibility(**said)
    assert visibility is Visibility.PRIVATE
    assert "kept private" in remarks[0]
