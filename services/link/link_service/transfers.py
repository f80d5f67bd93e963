"""The REST transport of imports and exports: decode, call, encode. Only the gateway may call it."""

from collections.abc import Iterator
from typing import Final

from flask import Response
from pydantic import BaseModel

from delinkcious.errors import FailedPrecondition, NotFound, ResourceExhausted
from delinkcious.http import uploads
from delinkcious.http.app import RestApp, json_response, stream_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import Answers, problems, takes_file
from delinkcious.http.slots import Slots
from delinkcious.object_model.imports import MAX_IMPORT_BYTES, FileFormat, ImportManager
from delinkcious.schemas.common import Paging, Text, Username
from delinkcious.schemas.imports import ExportLinks, ImportSchema, ImportsSchema, StartImport

_TYPES: Final = ("text/html", "application/json", "text/csv", "application/octet-stream")
_THE_FILE: Final[Answers] = {
    200: {
        "description": "The file.",
        "content": {kind.media_type: {"schema": {}} for kind in FileFormat},
    }
}


class ImportOwner(BaseModel):
    """Whose import."""

    username: Username


class StartImportOf(StartImport, ImportOwner):
    """How a file of somebody is to be imported; the file is the body."""

    filename: Text = ""


class ImportsOf(Paging, ImportOwner):
    """Which imports of whom."""


class ExportLinksOf(ExportLinks, ImportOwner):
    """Which links of whom, and in which format."""


def add_transfers(app: RestApp, manager: ImportManager, slots: Slots) -> None:
    """Adds what takes in files of links and gives them out.

    Args:
        slots: how many files may be under way at a time.
    """

    @app.post("/imports")
    @reads(app, StartImportOf, QUERY)
    @takes_file(*_TYPES)
    @app.output(ImportSchema, status_code=202)
    @app.doc(responses=problems(FailedPrecondition, ResourceExhausted))
    def start_import(wanted: StartImportOf) -> Response:
        with slots.one_for(wanted.username):
            upload = uploads.receive(MAX_IMPORT_BYTES)
            new = wanted.to_import(upload.content_type, wanted.filename)
            job = manager.start_import(wanted.username, new, upload.chunks)
        return json_response(job, 202)

    @app.get("/imports")
    @reads(app, ImportsOf, QUERY)
    @app.output(ImportsSchema)
    def get_imports(wanted: ImportsOf) -> Response:
        page = manager.get_imports(wanted.username, wanted.start_token, wanted.page_size)
        return json_response(page)

    @app.get("/imports/<id:number>")
    @reads(app, ImportOwner, QUERY)
    @app.output(ImportSchema)
    @app.doc(responses=problems(NotFound))
    def get_import(number: int, owner: ImportOwner) -> Response:
        return json_response(manager.get_import(owner.username, number))

    @app.delete("/imports/<id:number>")
    @reads(app, ImportOwner, QUERY)
    @app.output(ImportSchema)
    @app.doc(responses=problems(NotFound))
    def cancel_import(number: int, owner: ImportOwner) -> Response:
        return json_response(manager.cancel_import(owner.username, number))

    @app.get("/export")
    @reads(app, ExportLinksOf, QUERY)
    @app.doc(responses=_THE_FILE | problems(ResourceExhausted))
    def export(wanted: ExportLinksOf) -> Response:
        def chunks() -> Iterator[bytes]:
            with slots.one_for(wanted.username):
                yield from manager.export(wanted.username, wanted.format, wanted.q)

        return stream_response(chunks(), wanted.format.media_type)
