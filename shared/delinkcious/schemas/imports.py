"""Imports and exports on the wire: between clients, the gateway and the link service."""

from datetime import datetime

from pydantic import BaseModel, Field

from delinkcious.object_model.imports import (
    FileFormat,
    ImportPolicy,
    ImportStatus,
    NewImport,
)
from delinkcious.object_model.links import Visibility
from delinkcious.schemas.links import Query


class StartImport(BaseModel):
    """How a file is to be imported."""

    format: FileFormat | None = Field(
        None, description="by default told from the content type, the name or the content"
    )
    policy: ImportPolicy = Field(
        ImportPolicy.MERGE,
        description="of links that are there: `merge` adds tags and fills what is empty, `replace`"
        " takes the fields of the file, `skip` leaves them",
    )
    folders_as_tags: bool = Field(
        False, description="whether the folders that a link is in become tags of it"
    )
    visibility: Visibility = Field(
        Visibility.PUBLIC, description="of links for which the file says nothing"
    )

    def to_import(self, content_type: str, filename: str) -> NewImport:
        """Returns the import of a file."""
        return NewImport(
            format=self.format,
            content_type=content_type,
            filename=filename,
            policy=self.policy,
            folders_as_tags=self.folders_as_tags,
            visibility=self.visibility,
        )


class RowProblemSchema(BaseModel):
    """What is wrong with a row."""

    line: int = Field(description="where it begins in the file, from 1; 0 is the file as a whole")
    detail: str


class ImportSchema(BaseModel):
    """An import."""

    id: int
    status: ImportStatus
    format: FileFormat
    policy: ImportPolicy
    progress: float = Field(ge=0, le=1, description="the part of the file that was read")
    added: int
    merged: int = Field(description="links that were there and were changed")
    skipped: int = Field(description="links that were there and stayed as they were")
    failed: int = Field(description="rows that are no links")
    errors: list[RowProblemSchema] = Field(description="the first hundred")
    created_at: datetime
    finished_at: datetime | None


class ImportsSchema(BaseModel):
    """A page of imports, newest first."""

    imports: list[ImportSchema]
    next_page_token: str | None


class ExportLinks(BaseModel):
    """Which links in which format."""

    format: FileFormat = FileFormat.JSON
    q: Query | None = None
