"""The social graph on the wire: between clients, the gateway and the social graph service."""

from typing import Annotated

from pydantic import BaseModel, Field

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from delinkcious.object_model.social_graph import MAX_USER_PAGE_SIZE
from delinkcious.schemas.common import PageToken, Username

NextPageToken = Annotated[
    str | None, Field(description="`start_token` of the next page; null on the last one")
]


class Follow(BaseModel):
    """Who follows whom."""

    followed: Username
    follower: Username


class GraphPaging(BaseModel):
    """Which page of a list; services take larger pages than the public API gives."""

    start_token: PageToken | None = None
    page_size: int = Field(DEFAULT_PAGE_SIZE, ge=1, le=MAX_USER_PAGE_SIZE)


class FollowersSchema(BaseModel):
    """A page of those who follow a user."""

    followers: list[str]
    next_page_token: NextPageToken


class FollowingSchema(BaseModel):
    """A page of those whom a user follows."""

    following: list[str]
    next_page_token: NextPageToken
