"""Several tags in one text, as HTML and CSV have them."""

import re
from collections.abc import Sequence
from typing import Final

_SPLITS_ALONE: Final = re.compile(r"[\s;|]")


def split_tags(text: str, separators: str = ",") -> list[str]:
    """Returns the tags in a text: between the first of these separators that is in it, or else
    between spaces.
    """
    for separator in separators:
        if separator in text:
            return text.split(separator)
    return text.split()


def join_tags(tags: Sequence[str]) -> str:
    """Returns the text that `split_tags` takes apart into the same tags, none of which has a comma.

    A single tag that would fall apart is followed by a comma. Others skip the empty tag after it.
    """
    alone = len(tags) == 1 and _SPLITS_ALONE.search(tags[0])
    return ",".join(tags) + ("," if alone else "")
