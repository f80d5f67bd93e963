"""Users on the wire: between clients, the gateway and the user service."""

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from delinkcious.object_model.users import (
    MAX_TOKEN_NAME_LENGTH,
    Deletion,
    DeletionStatus,
    Scope,
)
from delinkcious.schemas.common import Text

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
_MOMENT: Final = TypeAdapter(AwareDatetime)


def _moment(value: Any) -> datetime:
    if isinstance(value, str) and _DATE.match(value):
        with suppress(ValidationError):
            return _MOMENT.validate_python(value)
    raise ValueError("must be a time such as 2027-01-31T12:00:00Z")


Time = Annotated[
    datetime,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment as RFC 3339 writes it; Pydantic would also take seconds since 1970."""

ScopeName = Annotated[Text, WithJsonSchema({"type": "string", "enum": [s.value for s in Scope]})]
"""One of `Scope`, as the domain checks; documented here."""


class UserSchema(BaseModel):
    """An account."""

    username: str
    name: str
    email: str
    created_at: datetime


class ApiTokenSchema(BaseModel):
    """An API token, without its secret."""

    id: int
    name: str
    scopes: list[ScopeName] | None = Field(description="null: everything")
    created_at: datetime
    expires_at: datetime | None = Field(description="null: never")
    last_used_at: datetime | None = Field(description="to within a minute; null: never")


class NewApiTokenSchema(ApiTokenSchema):
    """An API token just made; `token` is shown here and never again."""

    token: str


class ApiTokensSchema(BaseModel):
    """The API tokens of a user, oldest first."""

    tokens: list[ApiTokenSchema]


class NewsFeedSchema(BaseModel):
    """Whether somebody's news is at a secret address."""

    created_at: datetime | None = Field(description="since when; null: it is not")


class OpenSessionSchema(BaseModel):
    """An open session."""

    id: int
    client: str = Field(description="what the program that logged in calls itself")
    created_at: datetime
    last_used_at: datetime = Field(description="to within a minute")
    expires_at: datetime = Field(description="when it ends, if it is not used any more")


class SessionsSchema(BaseModel):
    """The open sessions of a user, oldest first, without their tokens."""

    sessions: list[OpenSessionSchema]


class DeletionSchema(BaseModel):
    """How far the deletion of an account is."""

    id: str = Field(description="nobody can guess it: keep it to see the deletion through")
    status: DeletionStatus
    requested_at: datetime
    finished_at: datetime | None = Field(description="since when everything is gone; null: not yet")
    services: dict[str, datetime | None] = Field(
        description="when each service had deleted what it had; null: not yet"
    )


def deletion_to_json(deletion: Deletion) -> dict[str, Any]:
    """Returns a deletion as `DeletionSchema` describes it."""
    return {
        "id": deletion.id,
        "status": deletion.status,
        "requested_at": deletion.requested_at,
        "finished_at": deletion.finished_at,
        "services": dict(deletion.services),
    }


class CreateToken(BaseModel):
    """An API token to be made."""

    # Whoever writes `scope` instead of `scopes` must not get a token that may do everything.
    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, Field(min_length=1, max_length=MAX_TOKEN_NAME_LENGTH)]
    scopes: list[ScopeName] | None = Field(
        None, min_length=1, description="what it may be used for; left out: everything"
    )
    expires_at: Time | None = Field(None, description="left out: never")
