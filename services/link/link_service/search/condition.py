"""A query as a condition for Postgres."""

from dataclasses import dataclass, field

from link_service.search.lexemes import (
    UNTAGGED,
    owner_prefix,
    quoted,
    site_lexeme,
    tag_lexeme,
    visibility_lexeme,
)
from link_service.search.nodes import (
    After,
    And,
    Before,
    HasStatus,
    HasVisibility,
    Node,
    Not,
    Or,
    Site,
    Tagged,
    Untagged,
    Words,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the links of a user.

    Attributes:
        sql: about ``l.search``, ``l.status`` and ``l.created_at``. Nothing of the user's text is
            in it; queries of the same shape have the same text.
        parameters: named ``q0``, ``q1`` and so on.
        indexable: whether the GIN index on ``l.search`` narrows the search down. It does not for
            queries that say only what must not be there.
    """

    sql: str
    parameters: dict[str, object]
    indexable: bool


def condition(node: Node, username: str) -> Condition:
    """Returns the condition that the links of a user meet that match a query."""
    writing = _Writing(owner_prefix(username))
    return Condition(writing.sql(node), writing.parameters, _narrows(node))


def lift_tags(node: Node) -> tuple[tuple[str, ...], Node | None]:
    """Returns the tags that a link must have, and what else it must match."""
    parts = node.parts if isinstance(node, And) else (node,)
    tags = dict.fromkeys(part.name for part in parts if isinstance(part, Tagged))
    rest = tuple(part for part in parts if not isinstance(part, Tagged))
    if len(rest) > 1:
        return tuple(tags), And(rest)
    return tuple(tags), rest[0] if rest else None


@dataclass(slots=True)
class _Writing:
    """The SQL of a query while it is written."""

    prefix: str
    parameters: dict[str, object] = field(default_factory=dict)

    def sql(self, node: Node) -> str:
        if _is_in_vector(node):
            return f"l.search @@ {self._parameter(_tsquery(node, self.prefix))}::tsquery"
        match node:
            case And():
                return self._joined(node, " AND ")
            case Or():
                return self._joined(node, " OR ")
            case Not(part):
                return f"NOT {self.sql(part)}"
            case HasStatus(status):
                return f"l.status = {self._parameter(status.value)}"
            case Before(moment):
                return f"l.created_at < {self._parameter(moment)}"
            case After(moment):
                return f"l.created_at >= {self._parameter(moment)}"
        raise TypeError(node)

    def _joined(self, node: And | Or, operator: str) -> str:
        """Joins the parts, with all that the vector can tell in a single question to it."""
        in_vector = tuple(part for part in node.parts if _is_in_vector(part))
        parts = [part for part in node.parts if part not in in_vector]
        if in_vector:
            parts.insert(0, type(node)(in_vector) if len(in_vector) > 1 else in_vector[0])
        return f"({operator.join(map(self.sql, parts))})"

    def _parameter(self, value: object) -> str:
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"


def _is_in_vector(node: Node) -> bool:
    match node:
        case And(parts) | Or(parts):
            return all(map(_is_in_vector, parts))
        case Not(part):
            return _is_in_vector(part)
        case HasStatus() | Before() | After():
            return False
    return True


def _narrows(node: Node) -> bool:
    match node:
        case And(parts):
            return any(map(_narrows, parts))
        case Or(parts):
            return all(map(_narrows, parts))
        case Not():
            return False
    return _is_in_vector(node)


def _tsquery(node: Node, prefix: str) -> str:
    match node:
        case And(parts):
            return f"({' & '.join(_tsquery(part, prefix) for part in parts)})"
        case Or(parts):
            return f"({' | '.join(_tsquery(part, prefix) for part in parts)})"
        case Not(part):
            return f"!{_tsquery(part, prefix)}"
        case Words():
            return _phrase(node, prefix)
    return quoted(prefix + _fact(node))


def _phrase(node: Words, prefix: str) -> str:
    weight = node.field.value if node.field else ""
    *first, last = (quoted(prefix + word) for word in node.words)
    flags = ("*" if node.prefix else "") + weight
    terms = [f"{word}:{weight}" if weight else word for word in first]
    terms.append(f"{last}:{flags}" if flags else last)
    return f"({' <-> '.join(terms)})" if first else terms[0]


def _fact(node: Node) -> str:
    match node:
        case Tagged(name):
            return tag_lexeme(name)
        case Untagged():
            return UNTAGGED
        case Site(host):
            return site_lexeme(host)
        case HasVisibility(visibility):
            return visibility_lexeme(visibility)
    raise TypeError(node)
