"""Who may call what of a service: a table that each service declares in its module `callers`.

What is not in the table can be called by nobody. `docs/who-calls-what.md` is written from all of
them, and a test holds each against the routes and methods that there are (ADR-0038).
"""

from collections.abc import Collection, Mapping
from typing import Final

Callers = Mapping[str, Collection[str]]
"""The services that may call an endpoint: by method and path, such as ``GET /links/<id:number>``,
or by the name of a gRPC method, such as ``GetNews``.
"""

NOBODY: Final[Callers] = {}
