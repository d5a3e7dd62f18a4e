"""Compares what payments are for, and the sums to the cent, with the sandbox's truth. Pure.

A payment that is paid must be for its fill and its line and for no other; one that cannot be told must be for
none, and in review. Where a payment's record was not read yet, what is missing can still be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ops.sandbox.compare import Known, Report, is_short
from ops.sandbox.payments import FILL, PAYMENT, Payment, Payments, Sums, is_paid
from ops.sandbox.truth import Truth

__all__ = ["Joined", "Joins", "compare_checkouts", "compare_joins", "compare_sums"]

ORDERS = "/v1/orders"
SESSION = "/v1/checkout_sessions/{id}"


class Joined(NamedTuple):
    """What we say a payment is for. `token`: of the line's prescription. `basis` is `person` by hand."""

    kind: str
    key: str
    token: str | None
    basis: str


#: By the payment's id.
Joins = Mapping[str, Sequence[Joined]]
AllKnown = Mapping[tuple[str, str], Known]


def compare_joins(report: Report, payments: Payments, truth: Truth, known: AllKnown, joins: Joins) -> None:
    """Compare what each payment is for."""
    for payment in payments.known.values():
        if payment.fill is None:
            continue
        ours = [row for row in joins.get(payment.id, ()) if row.kind == FILL and row.basis != "person"]
        others = [row for row in ours if payment.ambiguous or row.key != payment.fill]
        if others:
            row = {"what": "join", **_named(payment), "joined": [row.key for row in others]}
            entity = truth.entities.get((PAYMENT, payment.id))
            if entity and any(is_short(truth, known, name) for name in entity.rests_on):
                # What else it may be for was not heard of yet.
                report.joins.append({**row, "surfaces": [ORDERS]})
            else:
                report.wrong.append(row)
        elif is_paid(payment, truth.entities) and not payment.ambiguous:
            _compare_one(report, payment, ours, known)


def _compare_one(report: Report, payment: Payment, ours: Sequence[Joined], known: AllKnown) -> None:
    if not ours:
        row = {"what": "no join", **_named(payment)}
        if is_read(known.get((PAYMENT, payment.id))) and (FILL, payment.fill or "") in known:
            report.wrong.append(row)
        else:
            report.joins.append({**row, "surfaces": [ORDERS]})
    elif ours[0].token not in (payment.token, None):
        report.wrong.append({"what": "line", **_named(payment), "line": ours[0].token})
    else:
        report.joined += 1


def is_read(known: Known | None) -> bool:
    """Whether a record of a payment was read, which has all its names."""
    return known is not None and any(name.signal.startswith("seen:") for name in known.facts)


def _named(payment: Payment) -> dict[str, Any]:
    return {"kind": PAYMENT, "key": payment.id, "fill": payment.fill, "token": payment.token}


def compare_checkouts(report: Report, payments: Payments, states: Mapping[str, str]) -> None:
    """Compare the sessions that we know: they have no callbacks, and are told by their records alone."""
    for session, state in states.items():
        true = payments.checkouts.get(session)
        if true is not None and state != true:
            row = {"kind": "checkout", "key": session, "state": state, "true": true}
            report.states.append({**row, "surfaces": [SESSION]})


def compare_sums(
    report: Report, payments: Payments, truth: Truth, known: AllKnown, ours: Mapping[str, Sums | None]
) -> dict[str, Any]:
    """Compare what is owed, paid and open of each fill; all of them added up, in cents.

    `ours`: None where a fill's claim is not known. Left out of both are fills that are not known as they are.
    """
    differing = {row["key"] for row in (*report.recoverable, *report.unrecoverable, *report.states)}
    differing |= {row["fill"] for row in report.joins}
    waiting = {payment.fill for payment in payments.known.values() if payment.id in differing}
    true_total, our_total, compared = Sums(0, 0), Sums(0, 0), 0
    for fill, true in payments.sums(truth.entities).items():
        found = ours.get(fill)
        if fill in differing or fill in waiting or (FILL, fill) not in known:
            continue
        if found is None or found != true:
            told = None if found is None else _cents(found)
            row = {"what": "cents", "kind": FILL, "key": fill, "cents": told, "true": _cents(true)}
            report.wrong.append(row)
        true_total, compared = true_total + true, compared + 1
        our_total += found or Sums(0, 0)
    return {"fills": compared, "true": _cents(true_total), "known": _cents(our_total)}


def _cents(sums: Sums) -> dict[str, int]:
    return {"owed": sums.owed, "paid": sums.paid, "open": sums.open}
