"""The export: one's links as a file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from flask import Response
from pydantic import BaseModel

from api_gateway.audit import record_export
from api_gateway.policy import authenticated
from delinkcious.audit import Action, Recorder
from delinkcious.errors import ResourceExhausted
from delinkcious.http.app import RestApp, stream_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import Answers, problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.imports import FileFormat, ImportManager
from delinkcious.object_model.users import Identity, Scope
from delinkcious.schemas.imports import ExportLinks
from delinkcious.schemas.links import LinkSchema

_ANSWERS: Final[Answers] = {
    200: {
        "description": "The file.",
        "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
        "content": {
            FileFormat.HTML.media_type: {"schema": {"type": "string"}},
            FileFormat.CSV.media_type: {"schema": {"type": "string"}},
        },
    }
}


class ExportSchema(BaseModel):
    """An export in JSON."""

    links: list[LinkSchema]


def add_export(app: RestApp, imports: ImportManager, slots: Slots, recorder: Recorder) -> None:
    """Adds the export. It passes through as it comes, and is kept nowhere here."""

    @app.get("/v1/export")
    @authenticated(Scope.LINKS_READ)
    @reads(app, ExportLinks, QUERY)
    @app.output(ExportSchema)
    @app.doc(
        tags=["Files"],
        operation_id="exportLinks",
        responses=_ANSWERS | problems(ResourceExhausted),
    )
    def export(caller: Identity, wanted: ExportLinks) -> Response:
        """Export your links.

        All of them, or those that `q` finds, newest first: in JSON as this API has them, in HTML
        for browsers and other link managers, or in CSV. Importing the file gives the same links
        again. If it cannot be completed, the connection is reset: what has come is not everything.
        """

        def chunks() -> Iterator[bytes]:
            with slots.one_for(caller.username):
                yield from imports.export(caller.username, wanted.format, wanted.q)

        name = f"delinkcious-{caller.username}-{datetime.now(UTC):%Y-%m-%d}.{wanted.format}"
        response = stream_response(
            chunks(),
            wanted.format.media_type,
            **{"Content-Disposition": f'attachment; filename="{name}"'},
        )
        record_export(recorder, Action.LINKS_EXPORTED, caller, format=wanted.format)
        return response
