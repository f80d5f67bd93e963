"""Structured logs: one JSON object a line on stderr.

Every line has ``timestamp`` (UTC), ``level``, ``service``, ``event`` and, inside a request,
``trace_id`` and ``span_id``. The standard library's logging goes the same way, so what libraries
say looks no different. What nobody may read is taken out (`redaction`).
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from delinkcious import redaction, tracing
from delinkcious.log_lines import LineWriter

_ACCESS: Final = frozenset(
    {
        "caller", "duration_ms", "event", "level", "method", "role", "route", "service", "span_id",
        "status", "timestamp", "trace_id",
    }
)  # fmt: skip

ALWAYS_SAID: Final = frozenset({"live_setting_changed"})
"""Events that are written whatever the level: a change of the level must not hide itself."""
_OFFSET: Final = len("+00:00")
_LEVELS: Final = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}


class _Output:
    """Where the process's lines go, and from which level on; `configure` and `set_level` say."""

    writer: LineWriter | None = None
    level: int = logging.INFO


def drop_below_level(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drops what is not worth a line. The level may change at any time, so it is not one of
    structlog's own filters, which loggers keep.
    """
    if _LEVELS[method] < _Output.level and event.get("event") not in ALWAYS_SAID:
        raise structlog.DropEvent
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces the values that nobody may read in a log."""
    for name in redaction.secrets_among(tuple(event)):
        event[name] = redaction.REDACTED
    return event


@lru_cache(maxsize=1024)
def _of_access(names: tuple[str, ...]) -> bool:
    return _ACCESS.issuperset(names)


def context_of(identity: Mapping[str, str]) -> Processor:
    """Returns what adds the level, the time, who says it, and the ids of the current span."""

    def add_context(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"] = method
        event["timestamp"] = datetime.now(UTC).isoformat()[:-_OFFSET] + "Z"
        event.update(identity)
        if ids := tracing.current_ids():
            event["trace_id"], event["span_id"] = ids
        return event

    return add_context


def add_traceback(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Adds the traceback of an error, if one is given."""
    if "exc_info" in event:
        return structlog.processors.format_exc_info(logger, method, event)
    return event


def render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Renders a line. That of a request is made of words of ours alone, and there is one for each
    request, so it is not searched for secrets.
    """
    line = _encode(event)
    if event.get("event") == "request" and _of_access(tuple(event)):
        return line
    return _encode(redaction.scrub(_decode(line)))


def _encode(content: Any) -> bytes:
    try:
        return orjson.dumps(content, default=str)
    except TypeError:  # odd keys, huge numbers, half characters: slower, but said all the same
        text = json.dumps(content, default=str, skipkeys=True, ensure_ascii=False)
        return text.encode(errors="replace")


def _decode(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def configure(service: str, level: str = "INFO", role: str = "") -> None:
    """Sets up logging for the process; before it, nothing is written anywhere but by structlog's
    own defaults.
    """
    identity = {"service": service, "role": role} if role else {"service": service}
    shared: Sequence[Processor] = (context_of(identity), redact, add_traceback)
    writer = _renewed_writer()
    structlog.configure(
        processors=[drop_below_level, *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared)
    threading.excepthook = _thread_failed
    set_level(level)


def set_level(level: str) -> None:
    """Changes from which level on lines are written; of libraries, from warnings on at most."""
    _Output.level = _LEVELS[level.lower()]
    logging.root.setLevel(max(_Output.level, logging.WARNING))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Python would print the traceback as it is."""
    error = failed.exc_value
    if error is not None:
        name = failed.thread.name if failed.thread else "unknown"
        structlog.get_logger().error("thread_failed", thread=name, exc_info=error)


def flush() -> None:
    """Writes the lines that wait to be written; for who ends the process by force."""
    if _Output.writer is not None:
        _Output.writer.flush()


def _renewed_writer() -> LineWriter:
    if _Output.writer is not None:
        _Output.writer.close()
    _Output.writer = LineWriter(sys.stderr.buffer)
    return _Output.writer


def _route_standard_logging(shared: Sequence[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda *line: render(*line).decode(),
            ],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.captureWarnings(True)
