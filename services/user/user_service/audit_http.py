"""The REST transport of the audit trail: decode, call, encode; and from where requests come."""

from flask import Response, has_request_context, request

from delinkcious.audit import NOWHERE, Origin
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.object_model.audit import AuditTrail
from delinkcious.schemas.audit import AuditSchema
from delinkcious.schemas.common import Paging
from user_service.http import Owner


class AuditOf(Paging, Owner):
    """Which page of whose trail."""


def origin() -> Origin:
    """Returns from where the current request is made, as the gateway says, which alone may call."""
    return Origin.from_environ(request.environ) if has_request_context() else NOWHERE


def add_audit(app: RestApp, trail: AuditTrail) -> None:
    """Adds what was done with an account."""

    @app.get("/audit")
    @reads(app, AuditOf, QUERY)
    @app.output(AuditSchema)
    def get_audit(wanted: AuditOf) -> Response:
        return json_response(trail.get_audit(wanted.username, wanted.start_token, wanted.page_size))
