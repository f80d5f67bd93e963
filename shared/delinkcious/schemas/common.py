"""What every list, and every call that names somebody, has in common."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_TOKEN_LENGTH


@dataclass(frozen=True)
class Documented:
    """Adds to what the OpenAPI document says of a field, and checks nothing itself.

    For rules that are checked elsewhere. Those that JSON Schema cannot tell get a ``format`` of our
    own, which whoever makes up requests can know (ADR-0045).
    """

    format: str | None = None
    pattern: str | None = None

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Returns the schema, completed; Pydantic asks for it."""
        said = {"format": self.format, "pattern": self.pattern}
        return {**handler(core_schema), **{name: rule for name, rule in said.items() if rule}}


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    return text


Text = Annotated[str, AfterValidator(_no_nul), Documented(pattern=r"^[^\x00]*$")]
"""A string that every store can hold."""

Username = Annotated[
    str,
    Field(
        max_length=64,
        pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
        description="a GitHub login: letters, digits and single hyphens",
        examples=["alice"],
    ),
    AfterValidator(str.lower),
]

PageToken = Annotated[
    Text,
    Field(
        max_length=MAX_TOKEN_LENGTH,
        description="`next_page_token` of the page before; none for the first page",
    ),
    Documented(format="page-token"),
]


class Paging(BaseModel):
    """Which page of a list."""

    start_token: PageToken | None = None
    page_size: int = Field(
        DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, description="how many there are at most"
    )
