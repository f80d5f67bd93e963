"""Every error of a gRPC service becomes a status here, and nowhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import structlog

from delinkcious.errors import DelinkciousError
from delinkcious.grpc.layers import Call
from delinkcious.grpc.status import to_status

logger = structlog.get_logger()


@asynccontextmanager
async def problems(call: Call) -> AsyncIterator[None]:
    """Ends a call that raises with the status of its error; what is not ours is INTERNAL."""
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except DelinkciousError as error:
        await _abort(call, error)
    except Exception as error:
        logger.exception("unexpected_error", error=type(error).__name__)
        await _abort(
            call, DelinkciousError("Something went wrong on our side; it has been recorded.")
        )


async def _abort(call: Call, error: DelinkciousError) -> None:
    status = to_status(error)
    await call.context.abort(status.code, status.details, status.trailing_metadata)
