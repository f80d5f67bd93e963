"""What the search index holds of a link."""

import pytest

from delinkcious.object_model.links import Visibility
from link_service.search.lexemes import owner_prefix
from link_service.search.vector import MAX_POSITION, MAX_POSITIONS, search_vector


def vector(
    url: str = "http://a.example/",
    title: str = "",
    description: str = "",
    tags: tuple[str, ...] = (),
    visibility: Visibility = Visibility.PUBLIC,
    username: str = "alice",
) -> dict[str, list[str]]:
    """The lexemes without the prefix of their owner, with their positions and weights."""
    literal = search_vector(
        username,
        url=url,
        title=title,
        description=description,
        tags=tags,
        visibility=visibility,
    )
    prefix = owner_prefix(username)
    lexemes = {}
    for item in literal.split(" "):
        quoted, _, places = item.rpartition(":") if item[-1] != "'" else (item, "", "")
        assert quoted.startswith(f"'{prefix}")
        assert quoted.endswith("'")
        lexemes[quoted[1 + len(prefix) : -1]] = places.split(",") if places else []
    return lexemes


def test_words_have_places_and_the_weight_of_their_text() -> None:
    found = vector("http://a.example/x", "One two", "two three", ("four",))
    assert {word: places for word, places in found.items() if places} == {
        "one": ["1A"],
        "two": ["2A", "11B"],
        "http": ["4C"],
        "a": ["5C"],
        "example": ["6C"],
        "x": ["7C"],
        "four": ["9D"],
        "three": ["12B"],
    }


def test_no_two_tags_make_a_phrase() -> None:
    found = vector(tags=("one", "two"))
    assert int(found["two"][0][:-1]) - int(found["one"][0][:-1]) > 1


def test_facts_are_lexemes_that_no_word_can_be() -> None:
    found = vector("https://www.example.com/", tags=("new_york",), visibility=Visibility.PRIVATE)
    assert {lexeme for lexeme, places in found.items() if not places} == {
        *("#new_york", "@www.example.com", "@example.com", "@com", "!private"),
    }


def test_a_link_without_tags_says_so() -> None:
    assert "!untagged" in vector()
    assert "!untagged" not in vector(tags=("a",))


def test_what_is_special_in_a_literal_is_escaped() -> None:
    literal = search_vector(
        "alice",
        url="http://a/",
        title="",
        description="",
        tags=("it's \\",),
        visibility=Visibility.PUBLIC,
    )
    assert f"'{owner_prefix('alice')}#it''s \\\\'" in literal


def test_each_user_has_a_prefix_of_the_same_length() -> None:
    prefixes = {owner_prefix(f"user{number}") for number in range(1000)}
    assert len(prefixes) > 990
    assert {len(prefix) for prefix in prefixes} == {4}


def test_a_word_keeps_as_many_places_as_postgres_does() -> None:
    assert len(vector(description="again " * 1000)["again"]) == MAX_POSITIONS


def test_words_beyond_the_last_place_are_left_out_and_the_other_texts_are_not() -> None:
    description = " ".join(str(number) for number in range(20_000))
    found = vector("http://a.example/x", "title", description, ("tag",))
    places = [int(place[:-1]) for at in found.values() for place in at]
    assert max(places) == MAX_POSITION
    assert found["title"] == ["1A"]
    assert found["x"][0].endswith("C")
    assert found["tag"][0].endswith("D")


@pytest.mark.parametrize("username", ["", "a" * 500, "ünï"])
def test_any_name_has_a_prefix(username: str) -> None:
    assert len(owner_prefix(username)) == 4
