"""Links on the wire: between clients, the gateway and the link service."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from delinkcious.object_model.links import (
    MAX_CHECKS,
    MAX_DESCRIPTION_LENGTH,
    MAX_QUERY_LENGTH,
    MAX_REGEX_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_URL_LENGTH,
    BulkChange,
    LinkChange,
    LinkQuery,
    LinkStatus,
    NewLink,
    Order,
    Sort,
    Visibility,
)
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from delinkcious.schemas.common import Documented, PageToken, Paging, Text

Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="an http or https URL",
        examples=["https://www.python.org/"],
    ),
    Documented(format="http-url"),
]
Title = Annotated[Text, Field(max_length=MAX_TITLE_LENGTH)]
Description = Annotated[Text, Field(max_length=MAX_DESCRIPTION_LENGTH)]
Tag = Annotated[Text, Documented(format="tag")]
"""As it is typed; the domain folds it, and says what is one."""
Tags = Annotated[
    list[Tag], Field(max_length=MAX_TAGS, description="compared without regard to case")
]
LinkId = Annotated[int, Field(ge=1, lt=2**63)]
Regex = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=MAX_REGEX_LENGTH,
        description="a POSIX regular expression that matches anywhere, without regard to case",
    ),
    Documented(format="posix-regex"),
]

Query = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=MAX_QUERY_LENGTH,
        description='words, `"phrases"`, `-not`, `OR`, `(…)`, `tag:x`, `is:invalid`, …',
        examples=['python "event loop" -tag:old'],
    ),
    Documented(format="search-query"),
]


class LastCheckSchema(BaseModel):
    """The newest check of a link."""

    outcome: str = Field(examples=["ok", "not_found", "timeout"])
    http_status: int | None
    at: datetime
    attempts: int = Field(
        description="checks since the page last answered, this one included: 1 if it is well"
    )


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
    """A page of the tags of a user."""

    tags: list[TagSchema]
    next_page_token: str | None


class TagFilters(Paging):
    """Which tags."""

    prefix: Text = Field("", max_length=MAX_TAG_LENGTH, description="what the name begins with")
    page_size: int = Field(MAX_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)


class RenameTag(BaseModel):
    """The new name of a tag; that of another tag merges the two."""

    name: Tag = Field(min_length=1, max_length=MAX_TAG_LENGTH * 4, examples=["python"])


class TagChangeSchema(BaseModel):
    """What the change of a tag did."""

    links: int = Field(description="how many links had the tag")


class LookupSchema(BaseModel):
    """What is known of a URL."""

    link: LinkSchema | None = Field(description="your own link to it, if you have one")
    saved_by: int = Field(description="how many people saved it publicly")


class ChangedSchema(BaseModel):
    """A link that was added or changed, as it is now."""

    type: Literal["changed"]
    link: LinkSchema


class DeletedSchema(BaseModel):
    """A link that is gone."""

    type: Literal["deleted"]
    id: int
    url: str
    deleted_at: datetime


class ChangesSchema(BaseModel):
    """What changed, oldest first."""

    changes: list[ChangedSchema | DeletedSchema]
    next_token: str = Field(description="`since` of the next call")
    has_more: bool = Field(description="whether there is more to be had at once")


class ChangesSince(BaseModel):
    """Which changes."""

    since: PageToken | None = Field(
        None,
        description="`next_token` of the call before; left out to get every link",
    )
    page_size: int = Field(DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)


_NOT: Final[JsonDict] = {"type": "null"}
_BY_URL: Final[JsonDict] = {
    "required": ["url"],
    "properties": {"url": {"type": "string"}, "ids": _NOT},
}
_BY_SOME_IDS: Final[JsonDict] = {
    "required": ["ids"],
    "properties": {"ids": {"type": "array"}, "url": _NOT},
}
_BY_IDS: Final[JsonDict] = {
    "required": ["ids"],
    "properties": {"ids": {"type": "array"}, "q": _NOT, "start_token": _NOT},
}
_BY_QUERY: Final[JsonDict] = {
    "required": ["q"],
    "properties": {"q": {"type": "string"}, "ids": _NOT},
}
_DELETED: Final[JsonDict] = {
    "required": ["delete"],
    "properties": {
        "delete": {"const": True},
        "check": {"const": False},
        "visibility": _NOT,
        "add_tags": {"maxItems": 0},
        "remove_tags": {"maxItems": 0},
    },
}
_CHANGED: Final[JsonDict] = {
    "properties": {"delete": {"const": False}},
    "anyOf": [
        {"required": ["check"], "properties": {"check": {"const": True}}},
        {"required": ["visibility"], "properties": {"visibility": {"type": "string"}}},
        {"required": ["add_tags"], "properties": {"add_tags": {"minItems": 1}}},
        {"required": ["remove_tags"], "properties": {"remove_tags": {"minItems": 1}}},
    ],
}


class ChangeLinks(BaseModel):
    """Links, named by `ids` or by `q`, and what to do with them."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [{"oneOf": [_BY_IDS, _BY_QUERY]}, {"oneOf": [_DELETED, _CHANGED]}]
        }
    )

    ids: list[LinkId] | None = Field(None, max_length=MAX_PAGE_SIZE)
    q: Query | None = None
    start_token: PageToken | None = Field(
        None,
        description="`next_page_token` of the call before, with the same `q`",
    )
    add_tags: Tags = []
    remove_tags: Tags = []
    visibility: Visibility | None = None
    delete: bool = Field(False, description="goes with nothing else")
    check: bool = Field(False, description="have them checked soon")

    def to_change(self) -> BulkChange:
        """Returns the change."""
        return BulkChange(
            ids=None if self.ids is None else tuple(self.ids),
            q=self.q,
            start_token=self.start_token,
            add_tags=tuple(self.add_tags),
            remove_tags=tuple(self.remove_tags),
            visibility=self.visibility,
            delete=self.delete,
            check=self.check,
        )


class CheckLinks(BaseModel):
    """Links to be checked: one by its `url`, or some by their `ids`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_BY_URL, _BY_SOME_IDS]})

    url: Url | None = None
    ids: list[LinkId] | None = Field(None, min_length=1, max_length=MAX_CHECKS)


class ChecksSchema(BaseModel):
    """What will be checked."""

    checks: int = Field(description="how many URLs will be checked")


class BulkResultSchema(BaseModel):
    """What a change of many links did."""

    found: int = Field(description="how many links were looked at")
    changed: list[int] = Field(description="the ids of those that were not yet as wanted")
    deleted: list[int]
    checks: int = Field(description="how many URLs will be checked")
    next_page_token: str | None = Field(description="how to go on, if the query finds more")


class LinkFilters(Paging):
    """Which links; every filter that is given must match."""

    q: Query | None = None
    url_regex: Regex | None = None
    title_regex: Regex | None = None
    description_regex: Regex | None = None
    tag: tuple[Tag, ...] = Field((), max_length=MAX_TAGS, description="repeat it: all must match")
    status: LinkStatus | None = None
    sort: Sort = Sort.CREATED
    order: Order | None = Field(None, description="by default `desc`, but `asc` for titles")

    def to_query(self, username: str, *, public_only: bool = False) -> LinkQuery:
        """Returns the query for the links of a user."""
        return LinkQuery(
            username=username,
            q=self.q,
            url_regex=self.url_regex,
            title_regex=self.title_regex,
            description_regex=self.description_regex,
            tags=self.tag,
            status=self.status,
            public_only=public_only,
            sort=self.sort,
            order=self.order,
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
