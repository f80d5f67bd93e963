"""Parameters in paths: a converter for each kind of name that routes hold.

A path with something that cannot be such a name matches no route, so it is not found.
"""

from typing import Final

from flask import Flask
from pydantic import TypeAdapter
from pydantic import ValidationError as NotValid
from werkzeug.routing import BaseConverter, ValidationError

from delinkcious.object_model.links import MAX_TAG_LENGTH
from delinkcious.schemas.common import Username

_USERNAME: Final = TypeAdapter(Username)


class UsernameConverter(BaseConverter):
    """``<username:name>``: a username, in lower case however it was written.

    The expression says all that a name may be: of a path that only the converter refuses, Werkzeug
    says that some other method would be allowed there.
    """

    regex = "(?![A-Za-z0-9-]{65})[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"

    def to_python(self, value: str) -> str:
        """Returns the username, or has the route not match."""
        try:
            return _USERNAME.validate_python(value)
        except NotValid:
            raise ValidationError from None


class IdConverter(BaseConverter):
    """``<id:name>``: a whole number that a database can hold. Werkzeug's own ``int`` takes any
    number of digits, and fails where Python refuses to.
    """

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """Returns the number."""
        return int(value)


class TagConverter(BaseConverter):
    """``<tag:name>``: the rest of the path, slashes and all, if it is not longer than any tag."""

    regex = f"(?s:.){{1,{MAX_TAG_LENGTH * 4}}}"  # as it was typed it may be longer than as a tag
    part_isolating = False


def install(app: Flask) -> None:
    """Makes the converters known to the routes of an application."""
    app.url_map.converters |= {
        "username": UsernameConverter,
        "id": IdConverter,
        "tag": TagConverter,
    }
