"""Which operators of a query the partner refuses, remembered for all workers beside what it offers."""

from __future__ import annotations

from typing import Any

import psycopg

from store.pulls import surfaces
from workers.pull.store_page import PARTNER

__all__ = ["SharedOperators"]


class SharedOperators:
    """`partners.truepill.operators.Operators`, kept as surfaces are: a refusal is good for a day.

    What is taken costs nothing: only a refusal is written, and the end of one. Raises psycopg.Error.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        #: Whether each is taken, as this process knows; None where a day has passed, and it is asked again.
        self._taken: dict[str, bool | None] = {}

    def is_refused(self, surface: str, field: str, operator: str) -> bool:
        name = surfaces.operator_name(surface, field, operator)
        if name not in self._taken:
            before = surfaces.known(self._conn, PARTNER, name)
            taken, lately = (True, True) if before is None else before
            self._taken[name] = taken if lately else None
        return self._taken[name] is False

    def note(self, surface: str, field: str, operator: str, *, taken: bool) -> None:
        name = surfaces.operator_name(surface, field, operator)
        if self._taken.get(name, True) is not taken:
            surfaces.note(self._conn, PARTNER, name, taken)
            self._taken[name] = taken
