"""What every list, and every call that names somebody, has in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_TOKEN_LENGTH


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
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
]


class Paging(BaseModel):
    """Which page of a list."""

    start_token: PageToken | None = None
    page_size: int = Field(
        DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, description="how many there are at most"
    )
