"""One JSON object a line on stderr, as the services write their logs.

The provider writes no more than its start, its end and each request's method, path and status:
never a query, a body or a header, for that is where secrets, codes and tokens are.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


def log(event: str, level: str = "info", **fields: object) -> None:
    """Write one line."""
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": timestamp, "level": level, "service": "identity-provider", "event": event}
    sys.stderr.write(json.dumps(line | fields) + "\n")
    sys.stderr.flush()


class JsonHandler(logging.Handler):
    """Writes what Flask logs, which is exceptions, in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; of its exception the type and place, for a message may quote input."""
        error = record.exc_info[1] if record.exc_info else None
        frames = traceback.extract_tb(error.__traceback__) if error else []
        log(
            record.getMessage(),
            level=record.levelname.lower(),
            exception=type(error).__name__ if error else None,
            at=[f"{frame.filename}:{frame.lineno}" for frame in frames],
        )
