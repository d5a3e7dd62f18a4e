"""Logging for the receiver's process: to stderr, one line a record, and never the text of an exception."""

from __future__ import annotations

import logging
from typing import Any

from errors import describe

__all__ = ["CONFIG", "LineFormatter"]


class LineFormatter(logging.Formatter):
    """`time LEVEL logger message`; where others print a traceback, the exception's class and frames.

    The message itself is ours or the server's, neither of which puts a request into one.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {_message(record)}"
        error = record.exc_info[1] if record.exc_info else None
        return f"{line.strip()} {describe(error)}" if error is not None else line


def _message(record: logging.LogRecord) -> str:
    """The message, with describe() in place of any exception among its arguments."""
    if isinstance(record.msg, BaseException):
        return describe(record.msg)
    if isinstance(record.args, tuple) and record.args:
        args = tuple(describe(a) if isinstance(a, BaseException) else a for a in record.args)
        return str(record.msg) % args
    return record.getMessage()


# The access log stays off: its lines hold the query, and the query may hold a token.
CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": LineFormatter}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "uvicorn": {"level": "INFO"},
        "uvicorn.access": {"level": "CRITICAL", "propagate": False},
        # The driver's warnings quote the server's.
        "psycopg": {"level": "CRITICAL"},
    },
}
