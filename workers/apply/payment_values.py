"""What the facts of payments, and of what they may be for, come to in numbers and names. No database.

Amounts, rx numbers and quantities stand sealed beside the facts. What cannot be unsealed any more is not
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from statemachine import MACHINES, Line
from statemachine.balance import cents
from statemachine.current_lines import lines_told
from statemachine.model import is_snapshot
from statemachine.payment_fit import Assigned, Payment, TargetLine
from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
from store.ledger.model import FactRow, fact_of, lines_of

__all__ = ["Known", "detail_of", "last_claim", "lines_owed", "payment_of", "rx_number_of"]

Json = Mapping[str, Any]

ASSIGNED, UNASSIGNED, REFUNDED = "payment:assigned", "payment:unassigned", "payment:refunded"
#: What says that it was paid: the price there is the price at payment.
PAID = ("seen:paid", "payment:paid", "payment:moto")
#: What an order's count of fills begins with, and a copay's ("Successful Fill Request", "Copay").
FIRST_OF_ORDERS, FIRST_OF_COPAYS = 0, 1


class Known(NamedTuple):
    """A payment. `refunded`: a person says that the money was given back. `paid_at` is in Unix seconds.
    `request` is what its eid says of the key of what it is for.
    """

    payment: Payment
    refunded: bool
    paid_at: int | None
    last_at: int
    request: str | None = None


def detail_of(row: FactRow, sealer: Sealer) -> Json:
    """What stands sealed beside a fact; empty where nothing does, or it cannot be unsealed any more."""
    if row.detail is None:
        return {}
    try:
        found = orjson.loads(sealer.unseal(row.detail, row.fact_id))
    except (BrokenSeal, UnknownSealKey):
        return {}
    return found if isinstance(found, dict) else {}


def payment_of(key: str, state: str, since: int | None, rows: Iterable[FactRow], sealer: Sealer) -> Known:
    """A payment by its facts, in whatever order they are given.

    What several tell is taken first from the order that paid it (the price of its item is that at payment),
    then from the callback that says so, then from the highest signal.
    """
    ordered = sorted(rows, key=sureness, reverse=True)
    told: dict[str, Any] = {}
    said: Assigned | None = None
    for row in ordered:
        if row.signal not in (ASSIGNED, UNASSIGNED, REFUNDED) and row.via != ("derived",):
            for field, value in detail_of(row, sealer).items():
                told.setdefault(field, value)
    decisions = sorted((row for row in rows if row.signal in (ASSIGNED, UNASSIGNED)), key=_decided_at)
    if decisions and decisions[-1].signal == ASSIGNED:
        chosen = detail_of(decisions[-1], sealer)
        if "kind" in chosen and "key" in chosen:
            said = Assigned(chosen["kind"], chosen["key"], chosen.get("position"), chosen.get("token"))
    request, _, token = str(told.get("eid") or "").partition(":")
    payment = Payment(
        key,
        state,
        _text(told.get("rx_number")),
        _text(told.get("refill_number")),
        told.get("price_in_cents"),
        _text(told.get("qty")),
        token or None,
        said,
    )
    refunded = any(row.signal == REFUNDED for row in ordered)
    own = [row.occurred_at for row in ordered if row.via != ("derived",)]
    paid_at = since if state == "paid" else None
    return Known(payment, refunded, paid_at, max(own, default=0), request or None)


def sureness(row: FactRow) -> tuple[bool, bool, bool, int, bytes]:
    """The sort key by which what a payment's fact tells of price and card is believed, the surest last."""
    by_order = row.discriminator != b"" and is_snapshot(row.signal)
    rank = MACHINES["payment"].rank[row.signal]
    return row.signal in PAID, by_order, not is_snapshot(row.signal), rank, row.fact_id


def _decided_at(row: FactRow) -> tuple[int, str, bytes]:
    return row.occurred_at, row.signal, row.fact_id


def rx_number_of(rows: Iterable[FactRow], sealer: Sealer) -> str | None:
    """The rx number of a prescription by its records, the latest first."""
    for row in sorted(rows, key=lambda row: (row.occurred_at, row.fact_id), reverse=True):
        if found := _text(detail_of(row, sealer).get("rx_number")):
            return found
    return None


def last_claim(rows: Iterable[FactRow]) -> FactRow | None:
    """The claim of a fill that says last what its lines owe."""
    machine = MACHINES["fill_request"]
    claims = [row for row in rows if row.signal.startswith("claim:") and row.lines]
    return max(claims, key=lambda row: machine.order(fact_of(row)), default=None)


def lines_owed(
    kind: str, rows: Sequence[FactRow], rx_numbers: Mapping[str, str], sealer: Sealer
) -> tuple[TargetLine, ...]:
    """The lines of what may be paid for, and what each owes, by its facts.

    `rx_numbers` by prescription token, as prescriptions' own records tell them.
    """
    if kind == "fill_request":
        return _of_fill(rows, rx_numbers, sealer)
    machine = MACHINES[kind]
    known = {machine.order(fact): row for row in rows for fact in (fact_of(row),)}
    _, steps = machine.fold([fact_of(row) for row in rows])
    found = []
    for line, source, place in lines_told(machine, steps):
        told = _line_detail(known[machine.order(source)], place, sealer)
        owed = cents(told.get("copay_amount")) if line.status == "completed" else 0
        found.append(_made(line, told, rx_numbers, owed, FIRST_OF_COPAYS))
    return tuple(found)


def _of_fill(
    rows: Sequence[FactRow], rx_numbers: Mapping[str, str], sealer: Sealer
) -> tuple[TargetLine, ...]:
    """Those of its last claim, with what its last success adds; without a claim those of the success.

    A success lists the same ones ("Successful Fill Request Webhook Event Fields"), so its lines are met by
    their tokens, equal ones in their order.
    """
    machine = MACHINES["fill_request"]
    successes = [row for row in rows if row.signal == "order:success" and row.lines]
    success = max(successes, key=lambda row: machine.order(fact_of(row)), default=None)
    claim = last_claim(rows)
    added = dict(_numbered(success, sealer)) if success is not None else {}
    if claim is None:
        return tuple(
            _made(line, told, rx_numbers, cents(told.get("copay_amount")), FIRST_OF_ORDERS)
            for line, told in added.values()
        )
    found = []
    for name, (line, told) in _numbered(claim, sealer):
        _, more = added.pop(name, (line, {}))
        owed = cents(told.get("copay_amount")) if line.status == "owed" else 0
        if line.status == "unclear":
            owed = cents(more.get("copay_amount"))
        found.append(_made(line, {**told, **more}, rx_numbers, owed, FIRST_OF_ORDERS))
    return tuple(found)


def _numbered(row: FactRow, sealer: Sealer) -> list[tuple[tuple[str | None, int], tuple[Line, Json]]]:
    """The lines of a fact by their token and which one of that token it is, each with its detail."""
    seen: dict[str | None, int] = {}
    found = []
    for place, line in enumerate(lines_of(row.lines)):
        number = seen.get(line.token, 0)
        seen[line.token] = number + 1
        found.append(((line.token, number), (line, _line_detail(row, place, sealer))))
    return found


def _line_detail(row: FactRow, place: int, sealer: Sealer) -> Json:
    listed = detail_of(row, sealer).get("lines")
    found = listed[place] if isinstance(listed, list) and place < len(listed) else None
    return found if isinstance(found, dict) else {}


def _made(line: Line, told: Json, rx_numbers: Mapping[str, str], owed: int | None, first: int) -> TargetLine:
    rx_number = _text(told.get("rx_number")) or (rx_numbers.get(line.token) if line.token else None)
    return TargetLine(
        line.position,
        line.token,
        rx_number,
        _refill(told.get("fill_number"), first),
        _text(told.get("quantity")),
        owed,
    )


def _refill(number: object, first: int) -> str | None:
    """Which refill a fill is, "0" being the first fill; None for what is no number."""
    text = str(number).strip() if number is not None else ""
    return str(max(0, int(text) - first)) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
