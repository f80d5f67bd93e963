"""Links on the wire: between clients, the gateway and the link service."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from delinkcious.object_model.links import (
    MAX_DESCRIPTION_LENGTH,
    MAX_REGEX_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_URL_LENGTH,
    LinkChange,
    LinkQuery,
    LinkStatus,
    NewLink,
    Visibility,
)
from delinkcious.schemas.common import Paging, Text

Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="an http or https URL",
        examples=["https://www.python.org/"],
    ),
]
Title = Annotated[Text, Field(max_length=MAX_TITLE_LENGTH)]
Description = Annotated[Text, Field(max_length=MAX_DESCRIPTION_LENGTH)]
Tags = Annotated[
    list[Text], Field(max_length=MAX_TAGS, description="compared without regard to case")
]
Regex = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=MAX_REGEX_LENGTH,
        description="a POSIX regular expression that matches anywhere, without regard to case",
    ),
]


class LastCheckSchema(BaseModel):
    """The newest check of a link."""

    outcome: str = Field(examples=["ok", "not_found", "timeout"])
    http_status: int | None
    at: datetime


class LinkSchema(BaseModel):
    """A link."""

    id: int
    url: str
    title: str
    description: str
    tags: list[str]
    visibility: Visibility
    status: LinkStatus
    last_check: LastCheckSchema | None
    created_at: datetime
    updated_at: datetime


class LinksSchema(BaseModel):
    """A page of links."""

    links: list[LinkSchema]
    next_page_token: str | None


class TagSchema(BaseModel):
    """A tag and on how many links it is."""

    name: str
    count: int


class TagsSchema(BaseModel):
    """The tags of a user."""

    tags: list[TagSchema]


class LinkFilters(Paging):
    """Which links; every filter that is given must match."""

    url_regex: Regex | None = None
    title_regex: Regex | None = None
    description_regex: Regex | None = None
    tag: tuple[Text, ...] = Field((), max_length=MAX_TAGS, description="repeat it: all must match")
    status: LinkStatus | None = None

    def to_query(self, username: str, *, public_only: bool = False) -> LinkQuery:
        """Returns the query for the links of a user."""
        return LinkQuery(
            username=username,
            url_regex=self.url_regex,
            title_regex=self.title_regex,
            description_regex=self.description_regex,
            tags=self.tag,
            status=self.status,
            public_only=public_only,
            start_token=self.start_token,
            page_size=self.page_size,
        )


class AddLink(BaseModel):
    """A link to be saved."""

    url: Url
    title: Title = ""
    description: Description = ""
    tags: Tags = []
    visibility: Visibility = Visibility.PUBLIC

    def to_link(self) -> NewLink:
        """Returns the link to be saved."""
        return NewLink(self.url, self.title, self.description, tuple(self.tags), self.visibility)


class UpdateLink(BaseModel):
    """A change of the link that `url` names; what is left out stays as it is."""

    url: Url
    title: Title | None = None
    description: Description | None = None
    visibility: Visibility | None = None
    add_tags: Tags = []
    remove_tags: Tags = []

    def to_change(self) -> LinkChange:
        """Returns the change."""
        return LinkChange(
            self.url,
            self.title,
            self.description,
            self.visibility,
            tuple(self.add_tags),
            tuple(self.remove_tags),
        )


class NameLink(BaseModel):
    """Names a link by its URL."""

    url: Url
