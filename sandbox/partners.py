"""The partners that are emulated: every folder beside this that has a `partner.py`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import sandbox
from sandbox.truth import Truth

if TYPE_CHECKING:
    from sandbox.partner import Partner

__all__ = ["partners", "truth_of"]


@cache
def partners() -> tuple[Partner, ...]:
    """By their names."""
    files = (file for path in sandbox.__path__ for file in Path(path).glob("*/partner.py"))
    names = sorted(file.parent.name for file in files)
    return tuple(import_module(f"sandbox.{name}.partner").PARTNER for name in names)


@cache
def truth_of(kind: str) -> Truth:
    """How what is said of this kind is to be understood. Raises KeyError where no partner speaks of it."""
    for partner in partners():
        if kind in partner.truth.kinds:
            return partner.truth
    raise KeyError(kind)
