"""A fill's prescriptions with what was paid for each: what its payment block is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from partners.fields import text
from partners.truepill.payment_block import PaidLine
from settings import Settings

__all__ = ["Nameless", "Owing", "Payment", "lines_of"]


class Owing(Protocol):
    """One line of a balance, in cents: `statemachine.balance.LineBalance`."""

    @property
    def position(self) -> int: ...
    @property
    def token(self) -> str | None: ...
    @property
    def owed(self) -> int | None: ...
    @property
    def paid(self) -> int: ...
    @property
    def open(self) -> int | None: ...


class Payment(NamedTuple):
    """A payment that counts, and which line it is for; `detail` is what its facts tell, unsealed."""

    position: int | None
    detail: Mapping[str, Any]


def paid_lines(settings: Settings, key: str) -> tuple[PaidLine, ...]:
    """The lines of the fill of this key."""
    raise NotImplementedError


class Nameless(Exception):
    """A line has no token by which the pharmacy could be told what is paid."""


def lines_of(lines: Sequence[Owing], payments: Iterable[Payment]) -> tuple[PaidLine, ...]:
    """What is told of each line's payment; nothing where several tell otherwise. Raises Nameless."""
    by_position: dict[int | None, list[Mapping[str, Any]]] = {}
    for payment in payments:
        by_position.setdefault(payment.position, []).append(payment.detail)
    found = []
    for line in lines:
        if line.token is None:
            raise Nameless(f"line {line.position} has no prescription token")
        told = by_position.get(line.position, [])
        item = _one(told, "name")
        found.append(
            PaidLine(
                line.token,
                line.owed,
                line.paid,
                line.open or 0,
                _one(told, "payment_id") or _one(told, "order_id"),
                _one(told, "last4"),
                _one(told, "card_type"),
                None if item is None else (item, "payment"),
            )
        )
    return tuple(found)


def _one(details: Sequence[Mapping[str, Any]], field: str) -> str | None:
    """What all of them tell, where they tell the same."""
    values = {text(detail.get(field)) for detail in details}
    return values.pop() if len(values) == 1 else None
