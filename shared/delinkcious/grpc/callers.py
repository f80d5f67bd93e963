"""Who may call a method: mutual authentication of gRPC services.

A method that the service's table (`delinkcious.callers`) does not name can be called by nobody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import unquote

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth, Refusal
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
            auth.refuse(Refusal(call.method, None, _address(call)))
            raise Unauthenticated(
                f"The metadata {CALLER_TOKEN_KEY} is missing, or its token is not known here."
            )
        call.caller = caller
        if auth.enabled and caller not in allowed.get(call.method, ()):
            auth.refuse(Refusal(call.method, caller, _address(call)))
            raise PermissionDenied(f"{caller} may not call this.")
        yield

    return check


def _address(call: Call) -> str:
    """Returns the address in what gRPC says of a peer: ``ipv4:127.0.0.1:1``, ``ipv6:[::1]:1``."""
    _, _, address = unquote(call.context.peer()).partition(":")
    return address.rpartition(":")[0].strip("[]")
