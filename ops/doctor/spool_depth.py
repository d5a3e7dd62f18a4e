"""How much waits in the spool of this machine; other machines' spools cannot be seen from here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ingest.spool import BATCH, DAMAGED

__all__ = ["SpoolDepth", "spool_depth"]


class SpoolDepth(NamedTuple):
    """Files that wait, their bytes, and files that were set aside as damaged."""

    files: int
    bytes: int
    damaged: int


def spool_depth(root: Path) -> SpoolDepth:
    """Count the files of every process's folder. Raises OSError when they may not be read."""
    files = size = damaged = 0
    folders = [path for path in root.iterdir() if path.is_dir()] if root.exists() else []
    for folder in folders:
        for path in folder.iterdir():
            if path.suffix == DAMAGED:
                damaged += 1
            elif path.suffix == BATCH:
                files += 1
                try:
                    size += path.stat().st_size
                except FileNotFoundError:
                    files -= 1  # drained just now
    return SpoolDepth(files, size, damaged)
