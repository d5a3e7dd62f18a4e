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
from statemachine.balance import Balance

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
        rows = [row for row in joins.get(payment.id, ()) if row.basis != "person"]
        ours = [row for row in rows if row.kind == FILL]
        if not payment.told:
            report.untold += bool(ours)
            ours = []
        others = [row for row in ours if payment.ambiguous or row.key != payment.fill]
        others += [row for row in rows if row.kind != FILL and not _is_named(payment, row.key)]
        if others:
            row = {"what": "join", **_named(payment), "joined": [row.key for row in others]}
            entity = truth.entities.get((PAYMENT, payment.id))
            if entity and any(is_short(truth, known, name) for name in entity.rests_on):
                # What else it may be for was not heard of yet.
                report.joins.append({**row, "surfaces": [ORDERS]})
            else:
                report.wrong.append(row)
        elif payment.fill is not None and is_paid(payment, truth.entities) and not payment.ambiguous:
            lines = payments.claims.get(payment.fill, ())
            if not lines_known(truth, known, payment.fill):
                lines = ()
            _compare_one(report, payment, ours, known, several=len(lines) > 1)


def _is_named(payment: Payment, key: str) -> bool:
    """Whether the payment's eid says that it is for this, which a copay's does beside the fill of it."""
    return key in (payment.eid, payment.eid.partition(":")[0])


def _compare_one(
    report: Report, payment: Payment, ours: Sequence[Joined], known: AllKnown, *, several: bool
) -> None:
    """`several`: its fill is known to have several lines, so that it must be for one."""
    tokens = {payment.token} if several else {payment.token, None}
    wrong: dict[str, Any]
    if not ours:
        wrong = {"what": "no join", **_named(payment)}
        still = not is_read(known.get((PAYMENT, payment.id))) or (FILL, payment.fill or "") not in known
    elif len(ours) > 1 or ours[0].token not in tokens:
        wrong = {"what": "line", **_named(payment), "line": ours[0].token, "rows": len(ours)}
        # Until its record was read it may stand under two names, or under one that tells no line.
        told = len(ours) == 1 and ours[0].token is not None
        still = not told and not is_read(known.get((PAYMENT, payment.id)))
    else:
        report.joined += 1
        return
    if still:
        report.joins.append({**wrong, "surfaces": [ORDERS]})
    else:
        report.wrong.append(wrong)


def lines_known(truth: Truth, known: AllKnown, fill: str) -> bool:
    """Whether we were told all that the claims of a fill say."""
    found, entity = known.get((FILL, fill)), truth.entities.get((FILL, fill))
    if found is None or entity is None:
        return False
    return all(name in found.facts for name in entity.said if name.signal.startswith("claim:"))


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
    report: Report, payments: Payments, truth: Truth, known: AllKnown, ours: Mapping[str, Balance]
) -> dict[str, Any]:
    """Compare what is owed, paid and open of each fill and each of its lines; all added up, in cents.

    Left out of both are fills that differ, and whose claim or a payment of which is not known as it is. They
    are counted: what the partner still tells of them is to be had.
    """
    true_total, our_total, compared = Sums(0, 0), Sums(0, 0), 0
    by_fill = payments.by_fill()
    to_come = {row["fill"] for row in report.joins}
    offered = {row["key"] for row in report.recoverable if row["kind"] == FILL}
    for fill, lines in payments.sums(truth.entities).items():
        true = sum(lines.values(), Sums(0, 0))
        found = ours.get(fill)
        if found is None or not _same(found, true, lines):
            claimed = lines_known(truth, known, fill)
            short = [row.id for row in by_fill.get(fill, ()) if is_short(truth, known, (PAYMENT, row.id))]
            if not claimed or short or fill in to_come:
                report.left_out += 1
                own = any(truth.entities[PAYMENT, id].own for id in short if (PAYMENT, id) in truth.entities)
                report.to_be_had += own or fill in to_come or (not claimed and fill in offered)
                continue
            told = None if found is None else _told(found)
            row = {"what": "cents", "kind": FILL, "key": fill, "cents": told}
            report.wrong.append({**row, "true": {**_cents(true), "lines": _lines(lines)}})
        true_total, compared = true_total + true, compared + 1
        if found is not None:
            our_total += Sums(found.owed or 0, found.paid)
    sums = {"true": _cents(true_total), "known": _cents(our_total)}
    return {"fills": compared, "left_out": report.left_out, "to_be_had": report.to_be_had, **sums}


def _same(found: Balance, true: Sums, lines: Mapping[str, Sums]) -> bool:
    """Whether a fill has the true cents, and each of its lines."""
    if (found.owed, found.paid, found.open) != (true.owed, true.paid, true.open):
        return False
    return not found.unpriced and _our_lines(found) == _lines(lines)


def _told(found: Balance) -> dict[str, Any]:
    return {"owed": found.owed, "paid": found.paid, "open": found.open, "lines": _our_lines(found)}


def _our_lines(found: Balance) -> dict[str, tuple[int, int, int]]:
    """Owed, paid and open by token. Of a single line is what was paid for all of it."""
    more = found.elsewhere if len(found.lines) == 1 else 0
    told: dict[str, tuple[int, int, int]] = {}
    for line in found.lines:
        owed, paid, left = told.get(line.token or "", (0, 0, 0))
        own = (line.owed or 0, line.paid + more, (line.open or 0) - more)
        told[line.token or ""] = (owed + own[0], paid + own[1], left + own[2])
    return told


def _lines(lines: Mapping[str, Sums]) -> dict[str, tuple[int, int, int]]:
    return {token: (sums.owed, sums.paid, sums.open) for token, sums in lines.items()}


def _cents(sums: Sums) -> dict[str, int]:
    return {"owed": sums.owed, "paid": sums.paid, "open": sums.open}
