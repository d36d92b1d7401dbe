"""Logs: one JSON object a line on stderr, with the trace that the line belongs to."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
from opentelemetry import trace

from libs.telemetry import names
from libs.telemetry.requests import request_id

LEVELS = ("debug", "info", "warning", "error")

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_CHATTY = ("nats", "urllib3", "httpx", "httpcore", "numba", "aiosqlite", "asyncio", "uvicorn", "alembic", "av")


class JsonFormatter(logging.Formatter):
    """Renders a record as one line of JSON. What was passed as `extra=` becomes fields of the object."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline. Never raises for a value that JSON can't hold: it is shown as text."""
        line: dict[str, Any] = {
            names.LOG_TIME: datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            names.LOG_LEVEL: record.levelname.lower(),
            names.LOG_SERVICE: self._service,
            names.LOG_LOGGER: record.name,
            names.LOG_MESSAGE: _message(record),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line[names.LOG_TRACE] = f"{context.trace_id:032x}"
            line[names.LOG_SPAN] = f"{context.span_id:016x}"
        if request := request_id():
            line[names.LOG_REQUEST] = request
        for key, value in record.__dict__.items():
            if key not in _STANDARD and key not in line:
                line[key] = value
        if record.exc_info:
            line[names.LOG_EXCEPTION] = self.formatException(record.exc_info)
        return _encode(line)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args!r}"


def _encode(line: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except (TypeError, ValueError, UnicodeError):
        safe = {key: repr(value).encode(errors="backslashreplace").decode() for key, value in line.items()}
        return msgspec.json.encode(safe).decode()


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (stderr) as JSON lines. Called once, by `__main__`.

    level: one of `LEVELS`. Libraries that chatter are heard from `warning` on, unless level is debug.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if number <= logging.DEBUG else logging.WARNING)
    logging.captureWarnings(True)
