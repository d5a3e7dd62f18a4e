"""The lines of an order and of an order claim: one per medication, in the order of the body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from partners.reading import Unreadable
from partners.truepill.fields import Hash, Json, amount, clear_code, first_text, text, token
from statemachine.kernel import Line

__all__ = ["Lines", "claim_lines", "order_lines"]

MAX_LINES = 500  # far beyond any order; a longer list is refused before it costs anything

# A rejected medication of a success says so in one of these; the names differ between callbacks.
REASONS = (
    "reject_reason",
    "rejection_reason",
    "reject_message",
    "rejection_message",
    "reject_reason_other",
    "rejection_reason_other",
)
_signs_of_refusal = frozenset((*REASONS, "error_code", "status")).isdisjoint

# What is worth showing of a line after the body is gone, and the names that it goes under.
SHOWN = (
    ("name", ("medication_name", "requested_medication_name")),
    ("rx_number", ("rx_number",)),
    ("copay_amount", ("copay_amount", "patient_copay_amount")),
    ("cash_amount", ("patient_cash_amount",)),
)
AMOUNTS = ("copay_amount", "patient_copay_amount")
REASONS_OF_A_CLAIM = ("error_message", *REASONS)


class Lines(NamedTuple):
    """`lines[i]` is described by `detail[i]`; `told` is what discriminates one list from another."""

    lines: tuple[Line, ...]
    detail: list[dict[str, object]]
    told: list[tuple[str, str]]


def order_lines(details: Json, status: str | None, hash: Hash) -> Lines:
    """The medications of an ORDER. `status` is that of every line, or None: filled or rejected by each one.

    Products sold over the counter are not lines. Raises Unreadable bad_details for more than MAX_LINES.
    """
    lines, detail, told = [], [], []
    for position, item in _items(details.get("medications")):
        line_status = status or ("rejected" if _refused(item) else "filled")
        line, shown, raw = _line(position, item, line_status, REASONS, hash)
        lines.append(line)
        detail.append(shown)
        told.append((raw, line_status))
    told.sort()
    return Lines(tuple(lines), detail, told)


def claim_lines(details: Json, hash: Hash) -> Lines:
    """What each medication of an order claim owes: owed, covered, rejected, or unclear.

    No printed sample of this callback exists. The amounts are described as standing per medication, in the
    order of the request, so a list of claims beside an equally long list of medications is read in step.
    Raises Unreadable bad_details for more than MAX_LINES.
    """
    lines, detail = [], []
    for position, item in _items(_claims(details)):
        line, shown, _ = _line(position, item, _owes(item), REASONS_OF_A_CLAIM, hash)
        lines.append(line)
        detail.append(shown)
    return Lines(tuple(lines), detail, [])


def _items(value: object) -> Iterator[tuple[int, Json]]:
    """The objects of a list with their positions; a bare token counts as one, anything else is skipped."""
    if not isinstance(value, list):
        return
    if len(value) > MAX_LINES:
        raise Unreadable("bad_details")
    for position, item in enumerate(value):
        if type(item) is dict:
            yield position, item
        elif token(item):
            yield position, {"prescription_token": item}


def _line(
    position: int, item: Json, status: str, reasons: Sequence[str], hash: Hash
) -> tuple[Line, dict[str, object], str]:
    """One line, what is worth showing of it, and its token as told, be it fit for the clear or not."""
    shown: dict[str, object] = {}
    for name, sources in SHOWN:
        if found := first_text(item, sources):
            shown[name] = found
    told = item.get("prescription_token") or item.get("medication_token")
    known = token(told) or token(item.get("medication_token"))
    raw = known or text(told) or ""
    if raw and known is None:
        shown["token"] = raw
    code = None
    if status not in ("filled", "covered"):
        if reason := first_text(item, reasons):
            shown["reason"] = reason
        if stated := text(item.get("error_code")):
            code = clear_code(stated, hash)
            if code != stated:
                shown["code"] = stated
    return Line(position, known, status, code), shown, raw


def _refused(item: Json) -> bool:
    if _signs_of_refusal(item):
        return False
    if any(item.get(name) for name in REASONS) or item.get("error_code"):
        return True
    status = item.get("status")
    return type(status) is str and status.strip().lower().startswith("reject")


def _claims(details: Json) -> object:
    medications, claims = details.get("medications"), details.get("claims")
    if not isinstance(claims, list) or not claims:
        return medications
    if not isinstance(medications, list) or len(medications) != len(claims):
        return claims
    pairs = zip(medications, claims, strict=True)
    return [{**m, **c} if type(m) is dict and type(c) is dict else c for m, c in pairs]


def _owes(item: Json) -> str:
    """An amount that is owed counts even beside an error: waiting for a payment is what runs out."""
    size = next((amount(item[name]) for name in AMOUNTS if item.get(name) is not None), None)
    if size is not None and size > 0:
        return "owed"
    if item.get("error_code"):
        return "rejected"
    return "unclear" if size is None else "covered"
