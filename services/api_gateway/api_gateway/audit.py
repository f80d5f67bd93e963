"""The audit trail: what the gateway tells it, from where, and what users see of theirs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Response, g, has_request_context, request

from api_gateway.client_address import client_address
from api_gateway.github import NoVerifiedEmail
from api_gateway.policy import authenticated
from delinkcious.audit import NOWHERE, Act, Action, Origin, Outcome, Recorder
from delinkcious.errors import DelinkciousError
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.object_model.audit import AuditTrail
from delinkcious.object_model.users import Identity, Scope
from delinkcious.schemas.audit import AuditSchema
from delinkcious.schemas.common import Paging


def origin() -> Origin:
    """Returns where the current request comes from; nowhere, if there is none."""
    if not has_request_context():
        return NOWHERE
    agent = request.environ.get("HTTP_USER_AGENT")
    return Origin.of(client_address(), agent, _credential(g.get("identity")))


def tell_origin() -> Mapping[str, str]:
    """Returns the headers that tell a service where the current request comes from."""
    return origin().to_headers()


def record_export(recorder: Recorder, action: Action, caller: Identity, **details: str) -> None:
    """Has it recorded that somebody takes data along, once it is being sent."""
    recorder.record(Act(action=action, username=caller.username, origin=origin(), details=details))


def name_github_user(github_id: int) -> None:
    """Says who logs in with the current request, should it fail from here on."""
    g.github_id = github_id


@contextmanager
def recording_failures(recorder: Recorder) -> Iterator[None]:
    """Has it recorded if a login fails, and whose it was if GitHub has said so."""
    try:
        yield
    except DelinkciousError as error:
        known = error.github_id if isinstance(error, NoVerifiedEmail) else g.get("github_id")
        recorder.record(
            Act(
                action=Action.LOGIN_FAILED,
                outcome=Outcome.FAILURE,
                github_id=known,
                origin=origin(),
                details={"reason": error.detail},
            )
        )
        raise


def _credential(identity: Identity | None) -> str | None:
    """Returns which of one's credentials it is; never what it says."""
    if identity is None:
        return None
    if identity.token_id is not None:
        return f"token {identity.token_id}"
    return None if identity.session_id is None else f"session {identity.session_id}"


def add_audit(app: RestApp, trail: AuditTrail) -> None:
    """Adds what was done with one's account."""

    @app.get("/v1/me/audit")
    @authenticated(Scope.ACCOUNT)
    @reads(app, Paging, QUERY)
    @app.output(AuditSchema, description="A page of what was done with your account.")
    @app.doc(tags=["Account"], operation_id="getAudit")
    def get_audit(caller: Identity, wanted: Paging) -> Response:
        """Show what was done with your account.

        Logins, also failed ones that GitHub knows to be yours; tokens and secret addresses made and
        revoked; sessions ended; exports. Each with when, from where and with what, newest first.
        What was done a moment ago may take a second to appear.
        """
        page = trail.get_audit(caller.username, wanted.start_token, wanted.page_size)
        return json_response(page)
