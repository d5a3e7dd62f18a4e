"""What is owed, paid and open of a request, by prescription. Pure; all amounts are whole cents.

Owed is what its claims ask, as last said of each line. Paid is what payments that stand are of it: one that
was cancelled, removed or given back pays nothing. Open is the difference, less than nothing where too much
was paid. Totals of orders are not looked at: they hold shipping, and what nobody explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from statemachine.payment_fit import TargetLine

__all__ = ["Balance", "LineBalance", "Paying", "balance", "cents"]

#: No line costs a hundred million.
MOST = 10_000_000_000
_dollars = re.compile(
    r"(-?)\s*\$?\s*([0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{0,6})?|[0-9]{1,12}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})"
).fullmatch


class Paying(NamedTuple):
    """A payment of a request. `cents` is None where its price is not known; `position` where its line is not.

    `counts`: it is paid, and was not given back.
    """

    key: str
    state: str
    cents: int | None
    position: int | None
    counts: bool


class LineBalance(NamedTuple):
    """One line. `owed` and `open` are None where nothing says what it owes."""

    position: int
    token: str | None
    owed: int | None
    paid: int
    open: int | None


class Balance(NamedTuple):
    """A request. `owed` and `open` are None where no claim of it is known, or one line's is not.

    `elsewhere` is what was paid for it as a whole: it is in `paid`, and in no line's. `unpriced`: a payment
    counts whose price is not known.
    """

    owed: int | None
    paid: int
    open: int | None
    elsewhere: int
    lines: tuple[LineBalance, ...]
    unpriced: bool = False

    @property
    def covered(self) -> bool:
        """Whether what was paid covers what its claims ask, line by line."""
        if self.owed is None or self.unpriced:
            return False
        short = sum(line.open for line in self.lines if line.open is not None and line.open > 0)
        return short <= self.elsewhere


def balance(lines: Sequence[TargetLine], payments: Iterable[Paying]) -> Balance:
    """Add up."""
    counting = [one for one in payments if one.counts]
    positions = {line.position for line in lines}
    by_position = dict.fromkeys(positions, 0)
    elsewhere = 0
    for one in counting:
        if one.position in by_position:
            by_position[one.position] += one.cents or 0
        else:
            elsewhere += one.cents or 0
    found = tuple(
        LineBalance(
            line.position,
            line.token,
            line.owed,
            by_position[line.position],
            None if line.owed is None else line.owed - by_position[line.position],
        )
        for line in lines
    )
    paid = elsewhere + sum(by_position.values())
    owed = sum(line.owed or 0 for line in lines) if lines and all(x.owed is not None for x in lines) else None
    return Balance(
        owed,
        paid,
        None if owed is None else owed - paid,
        elsewhere,
        found,
        any(one.cents is None for one in counting),
    )


def cents(amount: object) -> int | None:
    """An amount of dollars as it is printed, such as "21.02", "$1,021.02" or 10, in cents; None for all else.

    What is no whole number of cents is none: it is not rounded. Less than nothing is what it says.
    """
    if type(amount) is int:
        return amount * 100 if abs(amount) <= MOST else None
    found = _dollars(amount.strip()) if type(amount) is str else None
    if found is None:
        return None
    size = Decimal(found[2].replace(",", "")) * 100
    if size != size.to_integral_value() or size > MOST:
        return None
    return -int(size) if found[1] else int(size)
