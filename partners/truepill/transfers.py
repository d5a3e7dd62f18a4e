"""TRANSFER, TRANSFER_CONTACT and DIRECT_TRANSFER: prescriptions that come over from another pharmacy."""

from __future__ import annotations

import re

from partners.fields import EMPTY, Hash, Json, code_like, first_text, label, text, texts
from partners.reading import Stated, Unreadable
from partners.truepill.build_facts import Copy, deciding_code, named_status, stated
from partners.truepill.lines import REASONS, Lines, entries, gathered, is_refused, made

__all__ = ["CANCELLED", "SHOWN", "direct_lines", "direct_transfer", "transfer", "transfer_contact"]

# The one error that is the patient's own doing.
CANCELLED = "PATIENT_CANCELLED_RX"

TEXTS = ("message", "description", "metadata", "patient_token", *REASONS)
CONTACT_TEXTS = (*TEXTS, "contact_name", "contact_method", "contact_number")

TOKENS = ("prescription_token", "transfer_medication_token", "transfer_medication_id")
SHOWN = (
    ("name", ("medication_name", "requested_medication_name")),
    ("prescriber", ("prescriber",)),
    ("last_filled_date", ("last_filled_date",)),
)
_came_to_nothing = re.compile(r"\bno (medications?|prescriptions?)\b|\b(unable|could not|cannot)\b").search
SHOWN_DIRECT = (("name", ("medication_name",)), ("rx_number", ("rx_number",)))


def transfer(copy: Copy) -> tuple[Stated, ...]:
    """A success also when single medications were rejected; the code of an error says whose doing it is."""
    known = copy.details if copy.details is not None else EMPTY
    status = named_status(copy, "success", "error") or _inferred(known)
    signal, code, line_status = "transfer:success", None, None
    if status == "error":
        code = deciding_code(copy.details)
        cancelled = code is not None and code.upper() == CANCELLED
        line_status = "cancelled" if cancelled else "rejected"
        signal = f"transfer:{line_status}"
    lines = _lines(known, line_status, copy.hash)
    return (
        stated(
            "transfer",
            copy,
            signal,
            code=code,
            apart=[lines.apart] if lines.apart else None,
            lines=lines,
            detail=texts(known, TEXTS),
        ),
    )


def transfer_contact(copy: Copy) -> tuple[Stated, ...]:
    """An attempt to reach the pharmacy or the prescriber. Its error is not yet the transfer's."""
    known = copy.details if copy.details is not None else EMPTY
    detail = texts(known, CONTACT_TEXTS)
    status = named_status(copy, "success", "error")
    if status is None:
        if not known.get("error_code") and not detail.get("contact_number"):
            raise Unreadable("missing_status")
        status = "error" if known.get("error_code") else "success"
    apart = [label(known.get("contact_method")), detail.get("contact_number")]
    return (
        stated(
            "transfer",
            copy,
            f"contact:{status}",
            code=text(known.get("error_code") or known.get("code")) if status == "error" else None,
            apart=apart if any(apart) else None,
            detail=detail,
        ),
    )


def direct_transfer(copy: Copy) -> tuple[Stated, ...]:
    """One prescription, which is the line; later versions may list several."""
    known = copy.details if copy.details is not None else EMPTY
    status = named_status(copy, "success", "error") or _answered(known)
    lines = direct_lines(known, "transferred" if status == "success" else "rejected", copy.hash)
    return (
        stated(
            "direct_transfer",
            copy,
            f"direct_transfer:{status}",
            code=text(known.get("error_code") or known.get("code")) if status == "error" else None,
            apart=[lines.apart] if lines.apart else None,
            lines=lines,
            detail=texts(known, TEXTS),
        ),
    )


def _lines(details: Json, status: str | None, hash: Hash) -> Lines:
    """The medications. A reason that is spelled like a code is one; every other is text."""
    lines = []
    for position, item in entries(details.get("medications")):
        line_status = status or ("rejected" if is_refused(item) else "transferred")
        came = line_status == "transferred"
        reason = None if came else first_text(item, REASONS)
        lines.append(
            made(
                position,
                item,
                line_status,
                hash,
                tokens=TOKENS,
                shown=SHOWN,
                code=None if came else text(item.get("error_code")) or code_like(reason),
                reason=reason,
            )
        )
    return gathered(lines)


def direct_lines(details: Json, status: str, hash: Hash) -> Lines:
    """The one prescription, or those that a later version lists, each with `status` unless it was refused.

    Raises Unreadable bad_details for too many.
    """
    listed = details.get("medications")
    if not isinstance(listed, list):
        listed = [details] if details.get("prescription_token") else []
    return gathered(
        made(
            position,
            item,
            "rejected" if is_refused(item) else status,
            hash,
            tokens=TOKENS[:1],
            shown=SHOWN_DIRECT,
            code=text(item.get("error_code")),
        )
        for position, item in entries(listed)
    )


def _inferred(details: Json) -> str:
    """success or error, where a pulled copy, which has no status, leaves no doubt.

    An error has a code, or lists no medications and says why. A success lists them, also where all of them
    are rejected; there its message decides.
    """
    if details.get("error_code"):
        return "error"
    message = (text(details.get("message")) or "").lower()
    listed = [item for _, item in entries(details.get("medications"))]
    if any(not is_refused(item) for item in listed):
        return "success"
    if not message:
        raise Unreadable("missing_status")
    return "success" if listed and not _came_to_nothing(message) else "error"


def _answered(details: Json) -> str:
    """success or error of a direct transfer without a status: its message begins with the answer."""
    message = (text(details.get("message")) or "").lower()
    accepted, rejected = "accepted" in message, "rejected" in message or bool(details.get("error_code"))
    if accepted == rejected:
        raise Unreadable("missing_status")
    return "success" if accepted else "error"
