"""The memory of processes: RSS counts pages shared with others in full (a worker's children share their
parent's), PSS divides them among those who share.
"""

from __future__ import annotations

from typing import NamedTuple

import psutil

__all__ = ["MIB", "Memory", "of_family"]

MIB = 1 << 20


class Memory(NamedTuple):
    """In MiB; PSS only where the system tells it (Linux)."""

    rss: float
    pss: float | None


def of_family(name: str, pid: int) -> dict[str, Memory]:
    """A process and its children, named `name`, `name child 1`, …"""
    parent = psutil.Process(pid)
    children = parent.children(recursive=True)
    found = {name: _memory(parent)}
    return found | {f"{name} child {n}": _memory(child) for n, child in enumerate(children, 1)}


def _memory(process: psutil.Process) -> Memory:
    full = process.memory_full_info()
    pss = getattr(full, "pss", None)
    return Memory(full.rss / MIB, None if pss is None else pss / MIB)
