"""Rows of a file into links that may be stored: the rules of links, applied to each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.imports import RowProblem
from delinkcious.object_model.links import NewLink, Visibility
from link_service.domain import check_new_link, merge_tags, normalize_url
from link_service.formats import ImportedLink, Row, RowError


@dataclass(frozen=True, slots=True)
class StorableLink:
    """A link of a file that may be stored.

    Attributes:
        line: where it begins in the file.
        normalized: the form of its URL by which links are compared.
    """

    line: int
    normalized: str
    link: NewLink
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(slots=True)
class Rows:
    """Some rows of a file: the links among them, each URL once, and what is wrong with others.

    Attributes:
        taken: how many rows there were, good and bad.
        repeated: how many were a link that had come before among these rows.
    """

    taken: int = 0
    repeated: int = 0
    failed: int = 0
    links: dict[str, StorableLink] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)


def to_rows(rows: Iterable[Row], visibility: Visibility) -> Rows:
    """Sorts rows of a file.

    Args:
        visibility: of links for which the file says nothing.
    """
    sorted_rows = Rows()
    for row in rows:
        sorted_rows.taken += 1
        if isinstance(row, RowError):
            _fail(sorted_rows, row.line, row.detail)
            continue
        sorted_rows.problems += [RowProblem(row.line, remark) for remark in row.remarks]
        try:
            _take(sorted_rows, _to_storable(row, visibility))
        except InvalidArgument as error:
            _fail(sorted_rows, row.line, error.detail)
    return sorted_rows


def _fail(rows: Rows, line: int, detail: str) -> None:
    rows.failed += 1
    rows.problems.append(RowProblem(line, detail))


def _to_storable(row: ImportedLink, visibility: Visibility) -> StorableLink:
    link = NewLink(row.url, row.title, row.description, row.tags, row.visibility or visibility)
    return StorableLink(
        row.line, normalize_url(row.url), check_new_link(link), row.created_at, row.updated_at
    )


def _take(rows: Rows, new: StorableLink) -> None:
    """Adds a link; one that came before, as it does once a label or folder, gets its tags."""
    known = rows.links.get(new.normalized)
    if known is None:
        rows.links[new.normalized] = new
        return
    tags = merge_tags(known.link.tags, add=new.link.tags, remove=())
    link = NewLink(
        known.link.url,
        known.link.title or new.link.title,
        known.link.description or new.link.description,
        tags,
        known.link.visibility,
    )
    rows.links[new.normalized] = StorableLink(
        known.line, known.normalized, link, known.created_at, known.updated_at
    )
    rows.repeated += 1
