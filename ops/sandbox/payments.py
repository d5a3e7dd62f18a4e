"""The sandbox's truth of payments: which fill and prescription each is for, and what that makes of the fills.

The pharmacy's own events do not know of them: a fill whose claim is paid for is not waited for any more, and
money that was paid for a fill which came to nothing is for a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from ops.sandbox.truth import Entity

__all__ = ["CAME_TO_NOTHING", "FILL", "PAYMENT", "Payment", "Payments", "Sums", "settle"]

PAYMENT, FILL = "payment", "fill_request"
CAME_TO_NOTHING = frozenset({"rejected", "cancelled"})
Entities = Mapping[tuple[str, str], Entity]


class Payment(NamedTuple):
    """One prescription of the payments partner. `cents`: its price, at payment where it was paid.

    `fill` and `token` are what it is for; `ambiguous`: nothing that the partners say tells it, on purpose.
    `told`: somebody said what it is for; without a `fill` it is for none.
    """

    id: str
    eid: str
    rx_number: str
    order_id: str | None
    cents: int
    fill: str | None
    token: str | None
    ambiguous: bool
    told: bool = True


class Sums(NamedTuple):
    """Whole cents. `open` is the difference."""

    owed: int
    paid: int

    @property
    def open(self) -> int:
        return self.owed - self.paid

    def __add__(self, other: Any) -> Sums:
        return Sums(self.owed + other.owed, self.paid + other.paid)


@dataclass
class Payments:
    """`claims`: what each line of a fill owes in cents, by its prescription, as last said. `checkouts`: the
    state of each session, None where it has changed while we looked.
    """

    known: dict[str, Payment] = field(default_factory=dict)
    checkouts: dict[str, str | None] = field(default_factory=dict)
    claims: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)

    def take_event(self, event: Mapping[str, Any]) -> None:
        """Keep what a claim says."""
        if event["type"] == "ORDER_CLAIM" and event["surprise"] is None:
            lines = event["body"]["details"]["medications"]
            self.claims[event["key"]] = tuple(
                (line["prescription_token"], _cents(line.get("copay_amount"))) for line in lines
            )

    def take_payments(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            join = row["join"] or {}
            self.known[row["id"]] = Payment(
                row["id"],
                row["eid"],
                row["rx_number"],
                row["order_id"],
                row["price_in_cents"],
                join.get("fill"),
                join.get("token"),
                join.get("ambiguous", False),
                row["join"] is not None,
            )

    def take_checkouts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            known = self.checkouts.setdefault(row["id"], row["state"])
            if known != row["state"]:
                self.checkouts[row["id"]] = None

    def by_fill(self) -> dict[str, list[Payment]]:
        """Of each fill the payments that can be told to be for it."""
        found: dict[str, list[Payment]] = {}
        for payment in self.known.values():
            if payment.fill is not None and not payment.ambiguous:
                found.setdefault(payment.fill, []).append(payment)
        return found

    def rivals(self) -> dict[str, set[str]]:
        """The fills that a payment which cannot be told may be for, by its rx number."""
        found: dict[str, set[str]] = {}
        for payment in self.known.values():
            if payment.fill is not None and payment.ambiguous:
                found.setdefault(payment.rx_number, set()).add(payment.fill)
        return found

    def sums(self, entities: Entities) -> dict[str, dict[str, Sums]]:
        """What is owed and paid of each line of the fills that have a claim, by its prescription."""
        by_fill = self.by_fill()
        found: dict[str, dict[str, Sums]] = {}
        for fill, lines in self.claims.items():
            of_fill = found[fill] = {}
            paid = [
                (row.token or "", Sums(0, row.cents))
                for row in by_fill.get(fill, ())
                if is_paid(row, entities)
            ]
            for token, sums in [*((token, Sums(owed, 0)) for token, owed in lines), *paid]:
                of_fill[token] = of_fill.get(token, Sums(0, 0)) + sums
        return found


def _cents(amount: Any) -> int:
    """Of dollars as the sandbox writes them: never more than two digits behind the point."""
    return int(Decimal(str(amount or 0)) * 100)


def is_paid(payment: Payment, entities: Entities) -> bool:
    entity = entities.get((PAYMENT, payment.id))
    return entity is not None and entity.state == "paid"


def settle(payments: Payments, entities: Entities) -> None:
    """Have the truth of fills and payments say what the joins make of them."""
    rivals = payments.rivals()
    for payment in payments.known.values():
        entity = entities.get((PAYMENT, payment.id))
        if entity and payment.ambiguous and entity.state == "paid":
            entity.standing = entity.standing._replace(contradicted=True)
            entity.rests_on += [(PAYMENT, payment.id), *((FILL, fill) for fill in rivals[payment.rx_number])]
    for fill, paying in payments.by_fill().items():
        entity = entities.get((FILL, fill))
        if entity is None:
            continue
        paid = [row for row in paying if is_paid(row, entities)]
        entity.rests_on += [(PAYMENT, row.id) for row in paying]
        if entity.state == "awaiting_payment" and _covered(payments.claims.get(fill, ()), paid):
            entity.standing = entity.standing._replace(state="pending")
        elif entity.state in CAME_TO_NOTHING and paid:
            entity.stranded = True
            entity.standing = entity.standing._replace(contradicted=True)


def _covered(lines: Iterable[tuple[str, int]], paid: Iterable[Payment]) -> bool:
    """Whether each line that owes is paid."""
    left = dict(lines)
    for payment in paid:
        if payment.token in left:
            left[payment.token] -= payment.cents
    return all(owed <= 0 for owed in left.values())
