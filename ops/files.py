"""Files for our own eyes alone, whole or not there at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ops.refused import Refused

__all__ = ["write_private", "write_private_or_refuse"]


def write_private(file: Path, content: bytes) -> None:
    """Put `content` at `file` with mode 0600: on the disk first, then in its place by one rename.

    Where it cannot be written, what was there stays. Raises OSError.
    """
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:64]}-")  # 0600 from the start
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    # The rename is on the disk with its folder: until then a power cut may bring the old file back.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_private_or_refuse(file: Path, content: bytes, what: str) -> None:
    """The same for a file that a person asked for; `what` names it in the error. Raises Refused."""
    try:
        write_private(file, content)
    except OSError as error:
        raise Refused(f"{what} cannot be written: {error.strerror}") from None
