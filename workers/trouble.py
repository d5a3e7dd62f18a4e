"""Errors, told without their text: an exception may quote what a patient's body holds (D7)."""

from __future__ import annotations

import traceback
from pathlib import PurePath

__all__ = ["TaskFailed", "describe"]

_FRAMES = 3


class TaskFailed(Exception):
    """What a failed task shows to the log, the broker and Flower: `describe` of the real error."""


def describe(error: BaseException) -> str:
    """`Class SQLSTATE at file.function:line < …`: the class, the state if any, and the innermost frames."""
    state = getattr(error, "sqlstate", None)
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{PurePath(f.filename).stem}.{f.name}:{f.lineno}" for f in reversed(frames))
    return " ".join(part for part in (type(error).__name__, state, f"at {places}" if places else "") if part)
