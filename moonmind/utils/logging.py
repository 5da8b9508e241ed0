"""Logs of our own processes: one JSON object a line, or plain text on a terminal. Secrets are masked in both."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO

from moonmind.utils.log_context import ContextFilter
from moonmind.utils.redaction import Redactor

PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
CONTEXT = (
    *("run_id", "step", "attempt"),
    *("request_id", "method", "route", "status", "duration_ms", "person"),
)
"""Fields that a record may have, in this order; see `log_context`."""


class JsonFormatter(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger, message, and those of CONTEXT that a record has."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: _plain(getattr(record, name)) for name in CONTEXT if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._redactor.value(line), ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """One line, and the traceback where there is one."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(PLAIN)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """For people."""
        return self._redactor.text(super().format(record))


def configure_logging(redactor: Redactor, stream: IO[str] = sys.stderr) -> None:
    """Send every log of this process to one stream, masked; JSON unless a person is watching."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(ContextFilter())
    handler.setFormatter(PlainFormatter(redactor) if stream.isatty() else JsonFormatter(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for server in UVICORN:
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).propagate = True
    logging.getLogger("uvicorn.access").propagate = False  # it has whole addresses; the API writes its own
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _plain(value: object) -> int | float | str:
    return value if isinstance(value, int | float) else str(value)
