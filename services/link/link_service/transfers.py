"""The REST transport of imports and exports: decode, call, encode. Only the gateway may call it."""

from typing import Final

from flask import Response
from pydantic import BaseModel

from delinkcious.http import uploads
from delinkcious.http.app import RestApp, json_response, stream_response
from delinkcious.http.callers import allow
from delinkcious.http.decode import QUERY, reads
from delinkcious.object_model.imports import MAX_IMPORT_BYTES, FileFormat, ImportManager
from delinkcious.schemas.common import Paging, Text, Username
from delinkcious.schemas.imports import ExportLinks, ImportSchema, ImportsSchema, StartImport

GATEWAY: Final = "api-gateway"
MEDIA_TYPES: Final = {
    FileFormat.HTML: "text/html; charset=utf-8",
    FileFormat.JSON: "application/json",
    FileFormat.CSV: "text/csv; charset=utf-8",
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


def add_transfers(app: RestApp, manager: ImportManager) -> None:
    """Adds what takes in files of links and gives them out."""

    @app.post("/imports")
    @allow(GATEWAY)
    @reads(app, StartImportOf, QUERY)
    @app.output(ImportSchema, status_code=202)
    def start_import(wanted: StartImportOf) -> Response:
        upload = uploads.receive(MAX_IMPORT_BYTES)
        new = wanted.to_import(upload.content_type, wanted.filename)
        return json_response(manager.start_import(wanted.username, new, upload.chunks), 202)

    @app.get("/imports")
    @allow(GATEWAY)
    @reads(app, ImportsOf, QUERY)
    @app.output(ImportsSchema)
    def get_imports(wanted: ImportsOf) -> Response:
        page = manager.get_imports(wanted.username, wanted.start_token, wanted.page_size)
        return json_response(page)

    @app.get("/imports/<int:number>")
    @allow(GATEWAY)
    @reads(app, ImportOwner, QUERY)
    @app.output(ImportSchema)
    def get_import(number: int, owner: ImportOwner) -> Response:
        return json_response(manager.get_import(owner.username, number))

    @app.delete("/imports/<int:number>")
    @allow(GATEWAY)
    @reads(app, ImportOwner, QUERY)
    @app.output(ImportSchema)
    def cancel_import(number: int, owner: ImportOwner) -> Response:
        return json_response(manager.cancel_import(owner.username, number))

    @app.get("/export")
    @allow(GATEWAY)
    @reads(app, ExportLinksOf, QUERY)
    @app.output({}, description="The file.")
    def export(wanted: ExportLinksOf) -> Response:
        chunks = manager.export(wanted.username, wanted.format, wanted.q)
        return stream_response(chunks, MEDIA_TYPES[wanted.format])
