"""Asking for what came since a second, by the operators that the partner takes ("Query Operators").

The table prints `$lt`, `$gt`, `$lte`, `$lte` and `$eq`, the second `$lte` as greater than or equal to: `$gte`
stands nowhere. So `$gt` is asked by, with the second before, and `$gte` where a partner refuses that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from partners.faults import NotGranted

__all__ = ["OperatorMemory", "Operators", "ask_since"]

T = TypeVar("T")

#: Refusals that say nothing of an operator: the surface is not there, or not for us.
_NOT_THERE = frozenset({403, 404, 405, 410})


class Operators(Protocol):
    """Which operators a partner was found to refuse, by surface and field."""

    def is_refused(self, surface: str, field: str, operator: str) -> bool: ...

    def note(self, surface: str, field: str, operator: str, *, taken: bool) -> None: ...


class OperatorMemory:
    """Remembers as long as it lives."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str, str]] = set()

    def is_refused(self, surface: str, field: str, operator: str) -> bool:
        return (surface, field, operator) in self._refused

    def note(self, surface: str, field: str, operator: str, *, taken: bool) -> None:
        if taken:
            self._refused.discard((surface, field, operator))
        else:
            self._refused.add((surface, field, operator))


def ask_since(
    surface: str, field: str, bounds: Mapping[str, str], operators: Operators, ask: Callable[[str], T]
) -> T:
    """Ask by the first of `bounds` (a value by its operator) that the partner takes.

    One that was refused before comes last. Raises NotGranted, which names them, where it takes none; and what
    `ask` raises, which is NotGranted too where the surface itself is not there.
    """
    refused: dict[str, NotGranted] = {}
    for operator in sorted(bounds, key=lambda one: operators.is_refused(surface, field, one)):
        try:
            found = ask(f"{operator}:{bounds[operator]}")
        except NotGranted as failure:
            # Without a status it was never asked: what was to be asked does not fit in a URL.
            if failure.status is None or failure.status in _NOT_THERE:
                raise
            refused[operator] = failure
            continue
        operators.note(surface, field, operator, taken=True)
        for other in refused:
            operators.note(surface, field, other, taken=False)
        return found
    for operator in refused:
        operators.note(surface, field, operator, taken=False)
    status = next(one.status for one in refused.values())
    raise NotGranted(surface, f"{status}, it takes neither {' nor '.join(bounds)} of {field}", status)
