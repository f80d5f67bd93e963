"""Makes a tree of a query. Its grammar is in ``grammar.lark``; docs/search.md tells it to users."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from delinkcious.errors import InvalidArgument
from link_service.search.fields import READERS, TEXTS
from link_service.search.nodes import And, Field, Node, Not, Or, Untagged, Words
from link_service.text import query_words

MAX_LENGTH: Final = 1_000
MAX_TERMS: Final = 50
MAX_NESTING: Final = 20

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SOMETHING: Final = 'a word, a "phrase" or a condition such as tag:news'
_TEXT: Final = 'a word or a "phrase"'
_LETTERS: Final = "letters or digits"


@lru_cache(maxsize=1_000)
def parse(q: str) -> Node:
    """Returns the tree of a query.

    Raises:
        InvalidArgument: it is none. The error says where, counted from 1 in characters, and what
            was expected there.
    """
    if len(q) > MAX_LENGTH:
        raise InvalidArgument.of("q", f"must be at most {MAX_LENGTH} characters long")
    try:
        parsed = cast("_Parsed", _parser().parse(q))
    except UnexpectedInput as error:
        raise _unexpected(error, len(q)) from None
    node = _certain(parsed)
    if sum(1 for _ in _leaves(node)) > MAX_TERMS:
        raise InvalidArgument.of("q", f"must have at most {MAX_TERMS} words and conditions")
    return node


@dataclass(frozen=True, slots=True)
class _Sign:
    """Something without letters and digits, as the dash in ``this - that``, and where it stands."""

    position: int


_Parsed = Node | _Sign


@cache
def _parser() -> Lark:
    return Lark.open(
        "grammar.lark", rel_to=__file__, parser="lalr", start="either", transformer=_Nodes()
    )


@v_args(inline=True)
class _Nodes(Transformer[Token, _Parsed]):
    """Makes nodes of what the grammar finds, one method for each of its rules."""

    def either(self, *parts: _Parsed) -> _Parsed:
        return parts[0] if len(parts) == 1 else _joined(Or, [_certain(part) for part in parts])

    def every(self, *parts: _Parsed) -> _Parsed:
        found = [part for part in parts if not isinstance(part, _Sign)]
        return _joined(And, found) if found else parts[0]

    def words(self, token: Token) -> _Parsed:
        return _words(token)

    def phrase(self, token: Token) -> Node:
        return _certain(_words(token))

    def untagged(self, _token: Token) -> Node:
        return Untagged()

    def condition(self, name: Token, value: Token) -> Node:
        if name.end_pos != value.start_pos:
            raise _missing_value(name)
        field = "tag" if name == "#" else name[:-1].lower()
        if field in TEXTS:
            return _certain(_words(value, TEXTS[field]))
        try:
            return READERS[field].read("".join(_content(value)))
        except (InvalidArgument, ValueError, OverflowError):
            raise _expected(READERS[field].expected, _start(value)) from None

    def negated(self, _minus: Token, part: _Parsed) -> Node:
        node = _certain(part)
        return node.part if isinstance(node, Not) else Not(node)

    def group(self, parenthesis: Token, part: _Parsed) -> _Parsed:
        if not isinstance(part, _Sign) and _depth(part) > MAX_NESTING:
            raise _expected(f"at most {MAX_NESTING} levels of parentheses", _start(parenthesis))
        return part


def _words(token: Token, field: Field | None = None) -> _Parsed:
    text, star = _content(token)
    words = query_words(text, is_url=field is Field.URL)
    return Words(tuple(words), bool(star), field) if words else _Sign(_start(token))


def _content(token: Token) -> tuple[str, str]:
    """Returns the text of a word or phrase, and the star after it."""
    text = token.removesuffix("*")
    star = token[len(text) :]
    if token.type == "PHRASE":
        text = _ESCAPED.sub(r"\1", text[1:-1])
    return text, star


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """Returns the parts as one node, and those of the same kind among them as its own parts."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    return kind(tuple(flat))


def _certain(part: _Parsed) -> Node:
    """Returns what can be searched for, and refuses the rest."""
    if isinstance(part, _Sign):
        raise _expected(_LETTERS, part.position)
    return part


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case And(parts) | Or(parts):
            return parts
        case Not(part):
            return (part,)
    return ()


def _leaves(node: Node) -> Iterator[Node]:
    parts = _parts(node)
    if not parts:
        yield node
    for part in parts:
        yield from _leaves(part)


def _depth(node: Node) -> int:
    return max((1 + _depth(part) for part in _parts(node)), default=0)


def _unexpected(error: UnexpectedInput, length: int) -> InvalidArgument:
    """Says in a user's words what the parser ran into."""
    if not isinstance(error, UnexpectedToken):  # no other character begins nothing
        return _expected("a second quotation mark to close this one", error.pos_in_stream or 0)
    token = error.token
    position = length if token.type == "$END" else token.start_pos
    match error.state.value_stack[-1:]:
        case [Token(type="FIELD") as name]:
            return _missing_value(name)
        case [Token(type="_OR" | "MINUS") as operator]:
            return _expected(f"{_SOMETHING} after {operator}", position)
    if token.type == "_OR":
        return _expected(f"{_SOMETHING} before OR", position)
    if "_RPAR" in error.expected:
        return _expected("a closing parenthesis", position)
    if not error.expected:
        return _expected("no closing parenthesis, as none is open", position)
    return _expected(_SOMETHING, position)


def _missing_value(name: Token) -> InvalidArgument:
    field = name[:-1].lower()
    expected = _TEXT if field in TEXTS else READERS[field].expected
    return _expected(f"{expected} right after {name}", name.end_pos)


def _start(token: Token) -> int:
    return token.start_pos or 0


def _expected(what: str, index: int | None) -> InvalidArgument:
    return InvalidArgument.of("q", f"at position {(index or 0) + 1}: expected {what}")
