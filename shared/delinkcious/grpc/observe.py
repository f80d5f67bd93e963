"""What is said of each call: its span, its log line and its measured time.

The three share one start and one end, and the same method, status and caller; as in
`delinkcious.http.observe`, they are one layer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

import grpc
import structlog
from opentelemetry.trace import Status, StatusCode

from delinkcious import tracing
from delinkcious.grpc.layers import Call
from delinkcious.grpc.metrics import SERVER_DURATION

access_log = structlog.get_logger("access")

_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}
_FAULTS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


@asynccontextmanager
async def observe(call: Call) -> AsyncIterator[None]:
    """Observes a call; to be the first layer, so that nothing escapes it."""
    started = perf_counter()
    parent = tracing.extract(call.metadata)
    span = tracing.start_span(call.method, kind=tracing.SpanKind.SERVER, context=parent)
    token = tracing.attach(span, parent)
    status = "UNKNOWN"
    try:
        yield
        status = _status(call)
    except asyncio.CancelledError:
        status = _why_cancelled(call)
        raise
    except Exception:
        status = _status(call)
        raise
    finally:
        _record(call, status, perf_counter() - started)
        _describe(span, call, status)
        tracing.detach(token)
        span.end()


def _status(call: Call) -> str:
    # grpc.aio keeps the number of a code that was set, and nothing for OK.
    code = call.context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES[code or 0]


def _why_cancelled(call: Call) -> str:
    remaining = call.context.time_remaining()
    return "CANCELLED" if remaining is None or remaining > 0 else "DEADLINE_EXCEEDED"


def _record(call: Call, status: str, duration: float) -> None:
    SERVER_DURATION.labels(call.method, status).observe(duration)
    access_log.info(
        "request",
        method=call.method.rpartition("/")[2],
        route=f"/{call.method}",
        status=status,
        duration_ms=round(duration * 1000, 2),
        caller=call.caller,
    )


def _describe(span: tracing.Span, call: Call, status: str) -> None:
    if not span.is_recording():
        return
    service, _, method = call.method.rpartition("/")
    code = grpc.StatusCode[status].value[0]
    span.set_attributes(
        {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": code,
        }
    )
    if status in _FAULTS:
        span.set_status(Status(StatusCode.ERROR))
