"""What may be said of an exception, wherever it is caught."""

from __future__ import annotations

import errno
import traceback

import psycopg
import pytest

import ingest.logs
import workers.apply.read
import workers.celery.attempts
from errors import describe
from workers.celery.errors import TaskFailed, sanitized_errors

CANARY = "Jane Canary"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "head"),
    [
        (ValueError(CANARY), "ValueError in test_errors.py:raised:"),
        (psycopg.errors.UniqueViolation(CANARY), "UniqueViolation[23505] in test_errors.py:raised:"),
        (OSError(errno.ENOSPC, CANARY), "OSError[ENOSPC] in test_errors.py:raised:"),
    ],
)
def test_an_error_is_its_class_its_code_and_where_it_was_raised(error: Exception, head: str) -> None:
    text = describe(raised(error))
    assert text.startswith(head)
    assert CANARY not in text


def test_the_receiver_and_the_workers_describe_an_error_alike() -> None:
    used = [vars(module)["describe"] for module in (ingest.logs, workers.apply.read, workers.celery.attempts)]
    assert used == [describe] * 3


def test_a_failed_task_shows_nothing_of_its_cause() -> None:
    with pytest.raises(TaskFailed) as failed, sanitized_errors():
        raise OSError(errno.ECONNRESET, CANARY)
    text = "".join(traceback.format_exception(failed.value))
    assert str(failed.value).startswith("ConnectionResetError[ECONNRESET] in test_errors.py:")
    assert CANARY not in text
