"""Who may call a method: mutual authentication of gRPC services.

A method that the service's table (`delinkcious.callers`) does not name can be called by nobody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth
from delinkcious.callers import Callers
from delinkcious.errors import PermissionDenied, Unauthenticated
from delinkcious.grpc.layers import Call, Layer

CALLER_TOKEN_KEY: Final = CALLER_TOKEN_HEADER.lower()


def callers(auth: MutualAuth, allowed: Callers) -> Layer:
    """Returns the layer that checks who calls.

    Args:
        allowed: by the full name of a method: ``package.Service/Method``.
    """

    @asynccontextmanager
    async def check(call: Call) -> AsyncIterator[None]:
        caller = auth.caller_of(call.metadata.get(CALLER_TOKEN_KEY))
        if caller is None:
            raise Unauthenticated(
                f"The metadata {CALLER_TOKEN_KEY} is missing, or its token is not known here."
            )
        call.caller = caller
        if auth.enabled and caller not in allowed.get(call.method, ()):
            raise PermissionDenied(f"{caller} may not call this.")
        yield

    return check
