"""Files that commands write for people."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ops.refused import Refused

__all__ = ["write_private"]


def write_private(file: Path, content: bytes, what: str) -> None:
    """Write for our own eyes alone, whole or not at all. `what` names it in the error. Raises Refused."""
    try:
        number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:64]}-")  # 0600 from the start
        try:
            with os.fdopen(number, "wb") as stream:
                stream.write(content)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise Refused(f"{what} cannot be written: {error.strerror}") from None
