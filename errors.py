"""What may be said of an exception: its class, its SQLSTATE or errno and where it was raised.

Never its text: a driver's, a parser's or a codec's may quote what it choked on, and that may be what a
patient's body holds (docs/decisions/0005).
"""

from __future__ import annotations

import errno
import traceback
from pathlib import PurePath

__all__ = ["describe"]

FRAMES = 6


def describe(error: BaseException) -> str:
    """`Class[CODE] in file:function:line < caller < …`, the innermost frame first."""
    code = getattr(error, "sqlstate", None)
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0)
    head = f"{type(error).__name__}[{code}]" if isinstance(code, str) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " < ".join(f"{PurePath(f.filename).name}:{f.name}:{f.lineno}" for f in reversed(frames))
    return f"{head} in {places}" if places else head
