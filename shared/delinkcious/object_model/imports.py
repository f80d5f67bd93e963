"""Imports and exports: whole files of links, taken in by a worker and given out as a stream."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from delinkcious.object_model.links import Visibility
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE

MAX_IMPORT_BYTES: Final = 100 * 1024 * 1024
MAX_IMPORT_ERRORS: Final = 100
"""How many errors of an import are kept; all of them are counted."""


class FileFormat(StrEnum):
    """The formats in which links come and go."""

    HTML = "html"
    JSON = "json"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """What a file of this format is sent as."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    FileFormat.HTML: "text/html; charset=utf-8",
    FileFormat.JSON: "application/json",
    FileFormat.CSV: "text/csv; charset=utf-8",
}


class ImportPolicy(StrEnum):
    """What becomes of a link that is there already."""

    SKIP = "skip"
    MERGE = "merge"
    REPLACE = "replace"


class ImportStatus(StrEnum):
    """How far an import is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in {ImportStatus.DONE, ImportStatus.FAILED, ImportStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row of a file: with the line where it begins, from 1; 0 is the file."""

    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import of a user.

    Attributes:
        progress: the part of the file that was read, from 0 to 1.
        added: links that are new; ``merged``: that were there and were changed; ``skipped``: that
            were there and stayed as they were; ``failed``: rows that are no links.
        errors: the first hundred: of rows that failed, and of what could not be kept of others.
    """

    id: int
    status: ImportStatus
    format: FileFormat
    policy: ImportPolicy
    progress: float
    added: int
    merged: int
    skipped: int
    failed: int
    errors: Sequence[RowProblem]
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "ImportJob":
        """Returns the import that a JSON object of the API describes."""
        finished = fields["finished_at"]
        return cls(
            **{
                **fields,
                "status": ImportStatus(fields["status"]),
                "format": FileFormat(fields["format"]),
                "policy": ImportPolicy(fields["policy"]),
                "errors": tuple(RowProblem(**error) for error in fields["errors"]),
                "created_at": datetime.fromisoformat(fields["created_at"]),
                "finished_at": datetime.fromisoformat(finished) if finished else None,
            }
        )


@dataclass(frozen=True, slots=True)
class ImportPage:
    """A page of a user's imports, newest first."""

    imports: Sequence[ImportJob]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class NewImport:
    """A file to be imported.

    Attributes:
        format: None to tell it from the content type, the name or the beginning of the file.
        folders_as_tags: whether the folders that a link is in become tags of it.
        visibility: of links for which the file says nothing.
    """

    format: FileFormat | None = None
    content_type: str | None = None
    filename: str | None = None
    policy: ImportPolicy = ImportPolicy.MERGE
    folders_as_tags: bool = False
    visibility: Visibility = Visibility.PUBLIC


class ImportManager(Protocol):
    """Imports and exports the links of users."""

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        """Takes a file, which is imported later.

        Raises:
            InvalidArgument: it is in none of the formats.
            PayloadTooLarge: it is over `MAX_IMPORT_BYTES`.
            FailedPrecondition: as many imports as one may have are waiting.
        """
        ...

    def get_import(self, username: str, number: int) -> ImportJob:
        """Returns an import.

        Raises:
            NotFound: the user has no such import.
        """
        ...

    def get_imports(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ImportPage:
        """Returns a page of the user's imports, newest first."""
        ...

    def cancel_import(self, username: str, number: int) -> ImportJob:
        """Ends an import; what it has added stays. One that has ended stays as it is.

        Raises:
            NotFound: the user has no such import.
        """
        ...

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        """Returns a file of all links of a user, or of those that a query finds, in pieces.

        Raises:
            InvalidArgument: the query is wrong; before the first piece.
        """
        ...
