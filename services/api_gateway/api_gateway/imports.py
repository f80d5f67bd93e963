"""Imports: files of links, from browsers and other link managers."""

from typing import Final

from flask import Response

from api_gateway.policy import authenticated
from delinkcious.errors import FailedPrecondition, NotFound, ResourceExhausted
from delinkcious.http import uploads
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import problems, takes_file
from delinkcious.http.slots import Slots
from delinkcious.object_model.imports import MAX_IMPORT_BYTES, ImportManager
from delinkcious.object_model.users import Identity, Scope
from delinkcious.schemas.common import Paging
from delinkcious.schemas.imports import ImportSchema, ImportsSchema, StartImport

_READ_AHEAD: Final = 8 * 1024 * 1024
"""More than most files have: a slow client keeps nobody waiting but us."""
_TYPES: Final = ("text/html", "application/json", "text/csv", "application/octet-stream")


def add_start_of_imports(app: RestApp, imports: ImportManager, slots: Slots) -> None:
    """Adds what takes a file. It passes through as it comes, and is kept nowhere here."""

    @app.post("/v1/imports")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, StartImport, QUERY)
    @takes_file(*_TYPES)
    @app.output(ImportSchema, status_code=202, description="The import; `Location` is where it is.")
    @app.doc(
        tags=["Files"],
        operation_id="startImport",
        responses=problems(FailedPrecondition, ResourceExhausted),
    )
    def start_import(caller: Identity, wanted: StartImport) -> Response:
        """Import a file of links.

        Bookmarks as browsers and most link managers export them (HTML), the JSON of Pinboard, or
        CSV, of at most 100 MiB and not compressed: as the field `file` of a form, or as the body.
        It is read later, so see how far it is. Links keep the dates that the file gives them. Rows
        that are no links are counted and reported, and stop nothing. Send a body with its length,
        or in a form: of one that comes in chunks, nobody can tell whether it broke off.
        """
        with slots.one_for(caller.username):
            file = uploads.receive(MAX_IMPORT_BYTES).read_ahead(_READ_AHEAD)
            new = wanted.to_import(file.content_type, file.filename)
            job = imports.start_import(caller.username, new, file.chunks)
        return json_response(job, 202, Location=f"/v1/imports/{job.id}")


def add_imports(app: RestApp, imports: ImportManager) -> None:
    """Adds what shows and cancels imports."""

    @app.get("/v1/imports")
    @authenticated(Scope.LINKS_READ)
    @reads(app, Paging, QUERY)
    @app.output(ImportsSchema, description="A page of your imports, newest first.")
    @app.doc(tags=["Files"], operation_id="getImports")
    def get_imports(caller: Identity, wanted: Paging) -> Response:
        """List your imports."""
        page = imports.get_imports(caller.username, wanted.start_token, wanted.page_size)
        return json_response(page)

    @app.get("/v1/imports/<id:import_id>")
    @authenticated(Scope.LINKS_READ)
    @app.output(ImportSchema, description="How far it is.")
    @app.doc(tags=["Files"], operation_id="getImport", responses=problems(NotFound))
    def get_import(caller: Identity, import_id: int) -> Response:
        """See how far an import is."""
        return json_response(imports.get_import(caller.username, import_id))

    @app.delete("/v1/imports/<id:import_id>")
    @authenticated(Scope.LINKS_WRITE)
    @app.output(ImportSchema, description="The import as it is now.")
    @app.doc(tags=["Files"], operation_id="cancelImport", responses=problems(NotFound))
    def cancel_import(caller: Identity, import_id: int) -> Response:
        """Cancel an import.

        What it has added stays. One that has ended stays as it is.
        """
        return json_response(imports.cancel_import(caller.username, import_id))
