"""The end of an account: everything one has, to take along, and the deletion."""

from datetime import UTC, datetime

from flask import Response
from pydantic import BaseModel

from api_gateway.audit import record_export
from api_gateway.cookies import drop_session
from api_gateway.personal_data import PersonalData, PersonalDataSchema
from api_gateway.policy import authenticated, public
from api_gateway.sessions import Sessions
from delinkcious.audit import Action, Recorder
from delinkcious.errors import InvalidArgument, NotFound, ResourceExhausted
from delinkcious.http.app import RestApp, json_response, stream_response
from delinkcious.http.decode import ANY, reads
from delinkcious.http.openapi import problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.users import Identity, Scope, UserManager
from delinkcious.schemas.common import Username
from delinkcious.schemas.users import DeletionSchema, deletion_to_json


class ConfirmDeletion(BaseModel):
    """Says that the account is really to be deleted."""

    username: Username


def add_deletion(app: RestApp, users: UserManager, sessions: Sessions) -> None:
    """Adds the deletion of one's account, and how far it is."""

    @app.delete("/v1/me")
    @authenticated(Scope.ACCOUNT, cookie=False)
    @reads(app, ConfirmDeletion, ANY)
    @app.output(DeletionSchema, status_code=202, description="The deletion is under way.")
    @app.doc(tags=["Account"], operation_id="deleteMe", responses=problems(NotFound))
    def delete_me(caller: Identity, confirmed: ConfirmDeletion) -> Response:
        """Delete your account.

        With everything in it, for good: give your username once more to confirm it, and export what
        you want to keep before. Your sessions and tokens are dead at once, and nobody finds you any
        more; the rest is gone when the status of the deletion, at `/v1/deletions/{id}`, is `done`.
        Until then you cannot log in again; after that a login makes a new account.
        """
        if confirmed.username != caller.username:
            raise InvalidArgument.of("username", "must be yours, to confirm the deletion")
        deletion = users.delete_account(caller.username)
        sessions.forget_user(caller.username)
        location = f"/v1/deletions/{deletion.id}"
        response = json_response(deletion_to_json(deletion), 202, Location=location)
        drop_session(response)
        return response

    @app.get("/v1/deletions/<deletion_id>")
    @public
    @app.output(DeletionSchema, description="How far it is.")
    @app.doc(tags=["Account"], operation_id="getDeletion", responses=problems(NotFound))
    def get_deletion(deletion_id: str) -> Response:
        """Show how far the deletion of an account is.

        Whoever knows its id may: the account, and with it the token, is gone.
        """
        return json_response(deletion_to_json(users.get_deletion(deletion_id)))


def add_export_of_account(
    app: RestApp, data: PersonalData, slots: Slots, recorder: Recorder
) -> None:
    """Adds everything one has, as a file."""

    @app.get("/v1/me/export")
    @authenticated(Scope.ACCOUNT, Scope.LINKS_READ, Scope.NEWS, Scope.SOCIAL)
    @app.output(PersonalDataSchema, description="The document.")
    @app.doc(
        tags=["Account"],
        operation_id="exportMe",
        responses=problems(NotFound, ResourceExhausted),
    )
    def export_me(caller: Identity) -> Response:
        """Export everything you have here.

        Account, sessions and tokens without their secrets, what was done with the account, whom you
        follow and who follows you, all your links, imports and news, as one JSON document. If it
        cannot be completed, the connection is reset: what has come is not everything.
        """
        now = datetime.now(UTC)
        name = f"delinkcious-account-{caller.username}-{now:%Y-%m-%d}.json"
        response = stream_response(
            data.document(caller.username, slots, at=now),
            "application/json",
            **{"Content-Disposition": f'attachment; filename="{name}"'},
        )
        record_export(recorder, Action.ACCOUNT_EXPORTED, caller)
        return response
