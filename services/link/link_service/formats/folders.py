"""The folders that a bookmark file is in the middle of."""

from typing import Final

from delinkcious.object_model.links import MAX_TAG_LENGTH
from link_service.formats.content import Content
from link_service.formats.markup import Tag

ROOTS: Final = frozenset({"personal_toolbar_folder", "unfiled_bookmarks_folder"})
"""The attributes by which browsers mark the folders that everybody has; they say nothing."""

_MAX_DEPTH: Final = 100


class Folders:
    """A stack of folders, of which only the first hundred are kept.

    Args:
        are_tags: whether the names are wanted.
    """

    def __init__(self, *, are_tags: bool) -> None:
        self._are_tags = are_tags
        self._open: list[str] = []
        self._too_deep = 0
        self._name: Content | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the open folders as tags, the outermost first."""
        return tuple(filter(None, self._open)) if self._are_tags else ()

    def begin_name(self, tag: Tag) -> Content:
        """Returns where to put the name of the folder that opens next."""
        name = Content()
        self._name = name if tag.attributes.keys().isdisjoint(ROOTS) else None
        return name

    def open(self) -> None:
        """Opens the folder that was named last, or one without a name."""
        if len(self._open) < _MAX_DEPTH:
            self._open.append(_as_tag(self._name.on_one_line) if self._name else "")
        else:
            self._too_deep += 1
        self._name = None

    def close(self) -> None:
        """Closes the innermost folder, if there is one."""
        self._name = None
        if self._too_deep:
            self._too_deep -= 1
        elif self._open:
            self._open.pop()


def _as_tag(name: str) -> str:
    """A tag has no commas and is not long; the names of folders may be anything."""
    return " ".join(name.replace(",", " ").split())[:MAX_TAG_LENGTH].rstrip()
