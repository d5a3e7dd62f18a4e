"""The partners that are emulated: every folder beside this that has a `partner.py`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.truth import Truth

if TYPE_CHECKING:
    from sandbox.partner import Partner

__all__ = ["partners", "truth_of"]


@cache
def partners() -> tuple[Partner, ...]:
    """By their names."""
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/partner.py"))
    return tuple(import_module(f"sandbox.{name}.partner").PARTNER for name in folders)


@cache
def truth_of(kind: str) -> Truth:
    """How what is said of this kind is to be understood. Raises KeyError where no partner speaks of it."""
    for partner in partners():
        if kind in partner.truth.kinds:
            return partner.truth
    raise KeyError(kind)
