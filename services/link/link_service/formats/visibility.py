"""Who may see a link, in the ways that link managers write it."""

from typing import Final

from delinkcious.object_model.links import Visibility
from link_service.formats.rows import quote

_YES: Final = frozenset({"1", "yes", "true", "y", "t", "on"})
_NO: Final = frozenset({"0", "no", "false", "n", "f", "off"})
_PRIVATE: Final = dict.fromkeys(_YES, Visibility.PRIVATE) | dict.fromkeys(_NO, Visibility.PUBLIC)
_PUBLIC: Final = dict.fromkeys(_YES, Visibility.PUBLIC) | dict.fromkeys(_NO, Visibility.PRIVATE)
_NAMED: Final = {visibility.value: visibility for visibility in Visibility}


def is_set(flag: str) -> bool:
    """Returns whether a flag says yes."""
    return flag.strip().lower() in _YES


def read_visibility(
    *, visibility: str = "", private: str = "", public: str = ""
) -> tuple[Visibility | None, tuple[str, ...]]:
    """Returns who may see a link by the first of these texts that says anything, and a remark if
    that was not understood: then the link is private, which can be mended.
    """
    for said, meanings in ((visibility, _NAMED), (private, _PRIVATE), (public, _PUBLIC)):
        if word := said.strip().lower():
            if word in meanings:
                return meanings[word], ()
            remark = f"visibility: {quote(said)} was not understood; the link was kept private"
            return Visibility.PRIVATE, (remark,)
    return None, ()
