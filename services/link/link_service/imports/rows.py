"""Rows of a file into links that may be stored: the rules of links, applied to each.

A link is worth more than what is wrong with it: only one without a URL is not kept. What had to be
left out is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.imports import RowProblem
from delinkcious.object_model.links import (
    MAX_DESCRIPTION_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    NewLink,
    Visibility,
)
from link_service.domain import normalize_tag, normalize_url
from link_service.formats import ImportedLink, Row, RowError


@dataclass(frozen=True, slots=True)
class StorableLink:
    """A link of a file that may be stored.

    Attributes:
        line: where it begins in the file.
        normalized: the form of its URL by which links are compared.
        tells_visibility: whether the file says who may see it.
    """

    line: int
    normalized: str
    link: NewLink
    tells_visibility: bool
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
        try:
            link, remarks = _to_storable(row, visibility)
        except InvalidArgument as error:
            _fail(sorted_rows, row.line, error.detail)
            continue
        sorted_rows.problems += [RowProblem(row.line, each) for each in (*row.remarks, *remarks)]
        _take(sorted_rows, link)
    return sorted_rows


def _fail(rows: Rows, line: int, detail: str) -> None:
    rows.failed += 1
    rows.problems.append(RowProblem(line, detail))


def _to_storable(row: ImportedLink, visibility: Visibility) -> tuple[StorableLink, list[str]]:
    """Returns the link, and what of it could not be kept. Without a URL there is none."""
    normalized, remarks = normalize_url(row.url), list[str]()
    link = NewLink(
        row.url,
        _cut("title", row.title, MAX_TITLE_LENGTH, remarks),
        _cut("description", row.description, MAX_DESCRIPTION_LENGTH, remarks),
        _tags(row.tags, remarks),
        row.visibility or visibility,
    )
    tells_visibility = row.visibility is not None
    created, updated = _past(row.created_at, remarks), _past(row.updated_at, remarks)
    return StorableLink(row.line, normalized, link, tells_visibility, created, updated), remarks


def _cut(field: str, text: str, length: int, remarks: list[str]) -> str:
    if len(text) <= length:
        return text
    remarks.append(f"{field}: was cut to {length} characters")
    return text[: length - 1] + "…"


def _tags(given: Iterable[str], remarks: list[str]) -> tuple[str, ...]:
    tags = list[str]()
    for tag in given:
        try:
            tags.append(normalize_tag(tag))
        except InvalidArgument as error:
            remarks.append(f"{error.detail}; the link was kept without {tag[:MAX_TAG_LENGTH]!r}")
    return first_tags(tags, remarks)


def first_tags(given: Iterable[str], remarks: list[str]) -> tuple[str, ...]:
    """Returns as many of the tags as a link may have, each once, sorted; a remark tells of others.

    Args:
        given: those first that matter most.
    """
    tags = list(dict.fromkeys(given))
    if len(tags) > MAX_TAGS:
        remarks.append(
            f"tags: {len(tags) - MAX_TAGS} of them were left out: {MAX_TAGS} are allowed"
        )
    return tuple(sorted(tags[:MAX_TAGS]))


def stricter(one: Visibility, other: Visibility) -> Visibility:
    """Returns who may see a link of which two things are said."""
    return Visibility.PRIVATE if Visibility.PRIVATE in {one, other} else Visibility.PUBLIC


def _past(moment: datetime | None, remarks: list[str]) -> datetime | None:
    """Returns a date, but now for one to come: such a link would stay the newest for years."""
    now = datetime.now(UTC)
    if moment is None or moment <= now:
        return moment
    remarks.append("dates: one is in the future, and became that of the import")
    return now


def _take(rows: Rows, new: StorableLink) -> None:
    """Adds a link; one that came before, as it does once a label or folder, adds to it. What is
    private in one place is private, and what was saved twice was saved when it was saved first.
    """
    known = rows.links.get(new.normalized)
    if known is None:
        rows.links[new.normalized] = new
        return
    first, again, remarks = known.link, new.link, list[str]()
    link = NewLink(
        first.url,
        first.title or again.title,
        first.description or again.description,
        first_tags((*first.tags, *again.tags), remarks),
        stricter(first.visibility, again.visibility),
    )
    older = _older(known, new)
    rows.links[new.normalized] = replace(
        known,
        link=link,
        tells_visibility=known.tells_visibility or new.tells_visibility,
        created_at=older.created_at,
        updated_at=older.updated_at,
    )
    rows.problems += [RowProblem(new.line, remark) for remark in remarks]
    rows.repeated += 1


def _older(known: StorableLink, new: StorableLink) -> StorableLink:
    if new.created_at is None:
        return known
    return new if known.created_at is None or new.created_at < known.created_at else known
