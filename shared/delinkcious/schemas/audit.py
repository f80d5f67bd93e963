"""The audit trail on the wire: between clients, the gateway and the user service."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from delinkcious.audit import Action, Outcome


class AuditEntrySchema(BaseModel):
    """Something that was done with your account."""

    id: str
    at: datetime
    action: str = Field(description="what; others may come", examples=list(Action))
    outcome: str = Field(description="what came of it; others may come", examples=list(Outcome))
    service: str = Field(description="which says so")
    address: str | None = Field(description="the IP address from where; null: not known")
    user_agent: str | None = Field(description="with what, cut; null: not known")
    token_id: int | None = Field(description="the API token that it was about; null: none")
    token_name: str | None
    details: dict[str, JsonValue] = Field(description="what else there is to say")


class AuditSchema(BaseModel):
    """A page of what was done with your account, newest first."""

    entries: list[AuditEntrySchema]
    next_page_token: str | None = Field(description="null: this is the last page")
