"""What a failed task says of itself, to the log, the broker and Flower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from errors import describe

__all__ = ["TaskFailed", "sanitized_errors"]


class TaskFailed(Exception):
    """All that a failed task shows: `errors.describe` of the real error, and no cause."""


@contextmanager
def sanitized_errors() -> Iterator[None]:
    """The one place where a task's exception becomes its class, SQLSTATE and frames (docs/decisions/0005)."""
    try:
        yield
    except TaskFailed:
        raise
    except Exception as error:
        failure = TaskFailed(describe(error))
    else:
        return
    raise failure from None
