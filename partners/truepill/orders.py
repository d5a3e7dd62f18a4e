"""ORDER and SHIPMENT: what becomes of a fill request."""

from __future__ import annotations

import re

from partners.fields import EMPTY, Hash, Json, amount, date, first_text, label, name, text, texts
from partners.reading import Link, Stated, Unreadable
from partners.truepill.build_facts import Copy, deciding_code, named_status, stated
from partners.truepill.lines import REASONS, Lines, entries, gathered, is_refused, made

__all__ = ["DUPLICATE", "SHOWN", "TOKENS", "duplicate_of", "order", "shipment"]

FILL = "fill_request"

# Errors that say more than "rejected", and what they make of each line. R004 and R005 are other codes than R4
# and R5, so nothing is done about leading zeros.
ERRORS = {
    "R0": ("order:cancelled", "cancelled"),
    "R028": ("order:unpaid", "cancelled"),
    "R4": ("order:returned", "returned"),
    "R5": ("order:transferred_out", "rejected"),
}
REJECTED = ("order:rejected", "rejected")
DUPLICATE = "R1"  # its message is the order number of the other one

# Codes that promise a date, and where: of stock, of a fill, of the next refill.
DATED_TRIAGES = frozenset({"T005", "T009"})
DATED_ERRORS = frozenset({"79"})

FILLED = frozenset({"filled", "short"})

SHIPMENTS = {
    "UNKNOWN": "shipment:unknown",
    "PRETRANSIT": "shipment:pre_transit",
    "TRANSIT": "shipment:transit",
    "DELIVERED": "shipment:delivered",
    "RETURNED": "shipment:returned",
    "FAILURE": "shipment:failure",
}
ON_THE_WAY = frozenset({"shipment:pre_transit", "shipment:transit"})  # here the estimate is still ahead

ORDER_TEXTS = (
    "message",
    "description",
    "additional_information",
    "tracking_number",
    "carrier",
    "metadata",
    "patient_token",
)
SHIPMENT_TEXTS = ("message", "description", "tracking_number", "carrier", "eta", "metadata", "patient_token")

#: How much was asked for, under the names that it goes by beside what was sent ("OTC Products").
REQUESTED = ("quantity_requested", "requested_quantity", "quantity_ordered")
# What names a medication, and what is worth showing of it after the body is gone.
TOKENS = ("prescription_token", "medication_token")
SHOWN = (
    ("name", ("medication_name", "requested_medication_name")),
    ("rx_number", ("rx_number",)),
    ("copay_amount", ("copay_amount", "patient_copay_amount")),
    ("cash_amount", ("patient_cash_amount",)),
    ("quantity", ("quantity",)),
    ("quantity_requested", REQUESTED),
    ("days_supply", ("days_supply",)),
    ("fill_number", ("fill_number",)),
)

# What only a filled order has, on a medication and beside the medications; products sold over the counter
# have none of the first. An error may print the others too: a parcel that came back had a tracking number.
SIGNS_OF_A_FILL = ("dispensed_medication_name", "dispensed_ndc")
SIGNS_OF_A_PARCEL = ("tracking_number", "tracking_url", "date_filled")
_triage_code = re.compile(r"T[0-9]{1,4}").fullmatch
_labelled = re.compile(r"(?:order\b)?\s*(?:number\b|no\b\.?)?\s*[:#]?\s*(\S{1,128})", re.IGNORECASE).fullmatch
_has_digit = re.compile(r"[0-9]").search


def order(copy: Copy) -> tuple[Stated, ...]:
    """Filled, triaged, or one of the errors; the code of an error decides which."""
    known = copy.details if copy.details is not None else EMPTY
    status = named_status(copy, "success", "error", "triage") or _inferred(known)
    detail = texts(known, ORDER_TEXTS)
    signal, code, line_status, extra, due = "order:success", None, None, None, None
    links: tuple[Link, ...] = ()
    if status == "triage":
        signal, line_status, extra = "order:triage", "triage", detail.get("additional_information")
        code = text(known.get("code")) or text(known.get("error_code"))
        if code and code.upper() in DATED_TRIAGES:
            due = date(extra)
    elif status == "error":
        code = deciding_code(copy.details)
        named = code.upper() if code else ""
        signal, line_status = ERRORS.get(named, REJECTED)
        if named in DATED_ERRORS:
            due = date(detail.get("message"))
        if named == DUPLICATE and (number := duplicate_of(detail.get("message"))):
            links = (("order_number", number),)
    lines = order_lines(known, line_status, copy.hash)
    apart = [lines.apart, extra] if lines.apart or extra else None
    return (
        stated(FILL, copy, signal, code=code, apart=apart, lines=lines, due=due, links=links, detail=detail),
    )


def shipment(copy: Copy) -> tuple[Stated, ...]:
    """`details.status` says where the parcel is, whatever the top-level status: that one may be an error."""
    details = copy.details
    if details is None:
        raise Unreadable("bad_details")
    status = text(details.get("status"))
    if status is None:
        raise Unreadable("missing_status")
    signal = SHIPMENTS.get(label(status))
    detail = texts(details, SHIPMENT_TEXTS)
    number = detail.get("tracking_number")
    apart = [number, detail.get("message")]
    return (
        stated(
            FILL,
            copy,
            signal or "shipment:unknown",
            code=status if signal is None else None,
            apart=apart if any(apart) else None,
            due=_estimate(details, copy.at) if signal in ON_THE_WAY else None,
            detail=detail,
            parcel=number if type(number) is str else None,
        ),
    )


def duplicate_of(message: object) -> str | None:
    """The order number in the message of a duplicate ("Table of Error Codes"), alone or with its label.

    None for a message that says anything else.
    """
    found = _labelled(message.strip()) if type(message) is str else None
    return name(found[1]) if found and _has_digit(found[1]) else None


def _estimate(details: Json, at: int) -> int | None:
    """The carrier's estimate of the arrival. One that was over when it was given is left from before."""
    eta = date(details.get("eta"))
    return eta if eta is not None and eta > at else None


def order_lines(details: Json, status: str | None, hash: Hash) -> Lines:
    """The medications of an ORDER. `status` is that of every line, or None: filled, short (less was sent than
    was asked for) or rejected by each one.

    Products sold over the counter are not lines. Raises Unreadable bad_details for too many.
    """
    lines = []
    for position, item in entries(details.get("medications")):
        line_status = status or ("rejected" if is_refused(item) else "short" if _is_short(item) else "filled")
        filled = line_status in FILLED
        lines.append(
            made(
                position,
                item,
                line_status,
                hash,
                tokens=TOKENS,
                shown=SHOWN,
                code=None if filled else text(item.get("error_code")),
                reason=None if filled else first_text(item, REASONS),
            )
        )
    return gathered(lines)


def _is_short(item: Json) -> bool:
    """Whether it says that less of it was sent than was asked for ("Managing Refill Quantities")."""
    asked = next((amount(item[name]) for name in REQUESTED if item.get(name) is not None), None)
    sent = amount(item.get("quantity")) if asked is not None else None
    return asked is not None and sent is not None and sent < asked


def _inferred(details: Json) -> str:
    """success, error or triage, where a pulled copy, which has no status, leaves no doubt.

    Each is told by what the others never print: an error by its error_code, a triage by its code. Whatever
    else one of them prints, such as the tracking number of a parcel that came back, says nothing against it.
    """
    code, error = text(details.get("code")), text(details.get("error_code"))
    says_triage = "triage" in (text(details.get("message")) or "").lower()
    if error:
        if code or says_triage or _triage_code(error):
            raise Unreadable("missing_status")
        return "error"
    if code and (_triage_code(code) or says_triage):
        return "triage"
    if code or says_triage or not _is_filled(details):
        raise Unreadable("missing_status")
    return "success"


def _is_filled(details: Json) -> bool:
    if any(details.get(name) for name in SIGNS_OF_A_PARCEL):
        return True
    medications = details.get("medications")
    items = medications if isinstance(medications, list) else ()
    return any(item.get(name) for item in items if type(item) is dict for name in SIGNS_OF_A_FILL)
