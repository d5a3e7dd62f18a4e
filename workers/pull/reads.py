"""How records are had, and when each was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Dated", "Reads"]


class Reads(NamedTuple):
    """How records are had, as decoded JSON: one by (resource, id), and a page of a list.

    `page` is of consults, counted from 1, `transfers` of transfers, counted from 0. `answered_at`: when the
    last of them was answered, in seconds of Unix time by the partner's clock; None where it did not say.
    `claims` are those of a prescription's fill of a number.
    """

    one: Callable[[str, str], Any]
    page: Callable[[int], Any]
    transfers: Callable[[int], Any]
    answered_at: Callable[[], int | None]
    claims: Callable[[str, int], Any]


class Dated(NamedTuple):
    """An answer as decoded JSON, and its time in seconds of Unix time."""

    answer: Any
    at: int
