"""Structured logs: one JSON object a line on stderr.

Every line has ``timestamp`` (UTC), ``level``, ``service``, ``event`` and, inside a request,
``trace_id`` and ``span_id``. The standard library's logging goes the same way, so what libraries
say looks no different. Values under a name that tells of a secret are replaced.
"""

import json
import logging
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from delinkcious import tracing
from delinkcious.log_lines import LineWriter

SENSITIVE: Final = frozenset(
    {
        "access_token", "api_token", "authorization", "client_secret", "code", "code_verifier",
        "cookie", "credentials", "delinkcious-caller-token", "email", "password", "query_string",
        "secret", "secret_key", "session", "state", "token",
    }
)  # fmt: skip
_SENSITIVE_ENDS: Final = ("_password", "_secret", "_token")
_REDACTED: Final = "**********"


class _Output:
    """Where the process's lines go; `configure` says."""

    writer: LineWriter | None = None


@lru_cache(maxsize=1024)
def _secrets_among(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same few sets of names come again and again, so each is looked at once."""
    return tuple(
        name
        for name in names
        if name.lower() in SENSITIVE or name.lower().endswith(_SENSITIVE_ENDS)
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces the values that nobody may read in a log."""
    for name in _secrets_among(tuple(event)):
        event[name] = _REDACTED
    return event


def add_trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds the ids of the current span."""
    if ids := tracing.current_ids():
        event["trace_id"], event["span_id"] = ids
    return event


def _dumps(event: EventDict, **_options: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # odd keys, huge numbers, half characters: slower, but said all the same
        text = json.dumps(event, default=str, skipkeys=True, ensure_ascii=False)
        return text.encode(errors="replace")


def configure(service: str, level: str = "INFO", role: str = "") -> None:
    """Sets up logging for the process; before it, nothing is written anywhere but by structlog's
    own defaults.
    """
    identity = {"service": service, "role": role} if role else {"service": service}

    def add_identity(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(identity)
        return event

    shared: Sequence[Processor] = (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_identity,
        add_trace_ids,
        redact,
        structlog.processors.format_exc_info,
    )
    numeric = logging.getLevelNamesMapping()[level]
    writer = _renewed_writer()
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared, numeric)


def flush() -> None:
    """Writes the lines that wait to be written; for who ends the process by force."""
    if _Output.writer is not None:
        _Output.writer.flush()


def _renewed_writer() -> LineWriter:
    if _Output.writer is not None:
        _Output.writer.close()
    _Output.writer = LineWriter(sys.stderr.buffer)
    return _Output.writer


def _route_standard_logging(shared: Sequence[Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(
                    serializer=lambda *a, **k: _dumps(*a, **k).decode()
                ),
            ],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
