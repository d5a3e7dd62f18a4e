"""The receiver's log lines say of an exception what may be said, and nothing more."""

from __future__ import annotations

import errno
import logging
import sys

import psycopg
import pytest

from errors import describe
from ingest.logs import LineFormatter


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "head"),
    [
        (ValueError("canary"), "ValueError in "),
        (psycopg.errors.UniqueViolation("canary"), "UniqueViolation[23505] in "),
        (psycopg.OperationalError("canary"), "OperationalError in "),
        (OSError(errno.ENOSPC, "canary"), "OSError[ENOSPC] in "),
        (UnicodeDecodeError("utf-8", b"canary", 0, 1, "canary"), "UnicodeDecodeError in "),
    ],
)
def test_an_exception_is_its_class_its_code_and_its_frames(error: BaseException, head: str) -> None:
    text = describe(raised(error))
    assert text.startswith(head)
    assert "test_receiver_logs.py:raised:" in text
    assert "canary" not in text


def test_an_exception_that_was_never_raised_is_its_class() -> None:
    assert describe(KeyError("canary")) == "KeyError"


@pytest.mark.parametrize(
    ("message", "args"),
    [("it failed: %s", (ValueError("canary"),)), (ValueError("canary"), ()), ("plain", ())],
)
def test_no_part_of_a_record_shows_an_exceptions_text(message: object, args: tuple[object, ...]) -> None:
    try:
        raise RuntimeError("canary")
    except RuntimeError:
        info = sys.exc_info()
    record = logging.LogRecord("ingest", logging.ERROR, "file", 1, message, args, info, "function", "canary")
    line = LineFormatter().format(record)
    assert "canary" not in line
    assert "RuntimeError in test_receiver_logs.py" in line
    assert "\n" not in line
