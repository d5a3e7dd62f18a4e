"""COPAY and PRIOR_AUTH: what a prescription costs the patient, and whether the payer covers it at all."""

from __future__ import annotations

import re

from partners.fields import EMPTY, Hash, Json, code_like, date, first_text, label, text, texts
from partners.reading import Stated, Unreadable
from partners.truepill.build_facts import Copy, deciding_code, named_status, stated
from partners.truepill.lines import REASONS, Lines, Made, entries, gathered, is_refused, made

__all__ = ["CANCELLED", "copay", "copay_lines", "next_fill", "prior_auth"]

CANCELLED = "CUSTOMER_CANCELLATION_REQUEST"
DATED_TRIAGES = frozenset({"CT004"})  # CT009 is about a date too, but about one of birth

TEXTS = ("message", "description", "additional_information", "metadata", "patient_token", *REASONS)
PRIOR_AUTH_TEXTS = (
    "message",
    "description",
    "prior_auth_type",
    "prescriber_form",
    "prescriber_phone",
    "prescriber_fax",
    "metadata",
    "patient_token",
    *REASONS,
)

TOKENS = ("prescription_token", "copay_request_prescription_token")
SHOWN = (
    ("copay_amount", ("copay_amount", "patient_copay_amount")),
    ("next_fill_date", ("next_fill_date",)),
    ("days_supply", ("days_supply",)),
    ("quantity", ("quantity",)),
    ("fill_number", ("fill_number",)),
)
# A line's error_code is documented as a description.
REASONS_OF_A_LINE = ("error_code", *REASONS)

LINE_STATUSES = {"completed": "completed", "complete": "completed", "rejected": "rejected"}
PRIOR_AUTHS = {
    "NEW": "pa:new",
    "SUBMITTED": "pa:submitted",
    "PENDING": "pa:pending",
    "APPROVED": "pa:approved",
    "DECLINED": "pa:declined",
    "APPEALED": "pa:appealed",
    "CANCELLED": "pa:cancelled",
    "CANCELED": "pa:cancelled",
}
# What a message says of a prior authorization; of several the first two count.
DECISIONS = {
    "NEW": re.compile(r"\bcreated\b").search,
    "APPEALED": re.compile(r"\bappealed\b").search,
    "SUBMITTED": re.compile(r"\bsubmitted\b").search,
    "APPROVED": re.compile(r"\bapproved\b").search,
    "DECLINED": re.compile(r"\b(declined|denied|rejected)\b").search,
    "CANCELLED": re.compile(r"\bcancell?ed\b").search,
}
_triage_code = re.compile(r"CT[0-9]{1,4}").fullmatch


def copay(copy: Copy) -> tuple[Stated, ...]:
    """A success is an answer, whatever it says of each prescription; of an error the code decides."""
    known = copy.details if copy.details is not None else EMPTY
    status = named_status(copy, "success", "error", "triage") or _inferred(known)
    detail = texts(known, TEXTS)
    signal, code, due, unsaid = "copay:success", None, None, "unclear"
    if status == "triage":
        signal, unsaid = "copay:triage", "triage"
        code = text(known.get("code")) or text(known.get("error_code"))
        if code and code.upper() in DATED_TRIAGES:
            due = date(detail.get("additional_information"))
    elif status == "error":
        code = deciding_code(copy.details)
        cancelled = code is not None and code.upper() == CANCELLED
        unsaid = "cancelled" if cancelled else "rejected"
        signal = f"copay:{unsaid}"
    lines = copay_lines(known, unsaid, copy.hash)
    if status == "success":
        due = next_fill(lines)
    return (
        stated(
            "copay",
            copy,
            signal,
            code=code,
            apart=[lines.apart] if lines.apart else None,
            lines=lines,
            due=due,
            detail=detail,
        ),
    )


def prior_auth(copy: Copy) -> tuple[Stated, ...]:
    """The status is the state. The three tokens that find its copay are links."""
    known = copy.details if copy.details is not None else EMPTY
    status = copy.content.get("status")
    word = _decided(known) if status is None or status == "" else label(status)
    signal = PRIOR_AUTHS.get(word)
    if signal is None:
        raise Unreadable("unknown_status")
    code = text(known.get("error_code") or known.get("code"))
    return (stated("prior_auth", copy, signal, code=code, detail=texts(known, PRIOR_AUTH_TEXTS)),)


def copay_lines(details: Json, unsaid: str, hash: Hash) -> Lines:
    """The prescriptions; `unsaid` is the status of one of which nothing is said.

    Raises Unreadable bad_details for too many.
    """
    return gathered(
        _line(position, item, _status(item) or unsaid, hash)
        for position, item in entries(details.get("prescriptions"))
    )


def _line(position: int, item: Json, status: str, hash: Hash) -> Made:
    """One prescription. The insurer's first reject code is its code, all of them are in the detail.

    Without any, its error_code stands in their place; a reason does so only when it is spelled like a code,
    since a single word of text would look like one and stand in the clear.
    """
    if status == "completed":
        return made(position, item, status, hash, tokens=TOKENS, shown=SHOWN)
    refusals = _refusals(item)
    reason = first_text(item, REASONS_OF_A_LINE)
    code = refusals[0] if refusals else text(item.get("error_code")) or code_like(reason)
    due = date(item.get("next_fill_date")) if status == "rejected" else None
    line = made(position, item, status, hash, tokens=TOKENS, shown=SHOWN, code=code, reason=reason, due=due)
    if refusals:
        line.detail["reject_codes"] = refusals
    return line


def _status(item: Json) -> str | None:
    """completed or rejected as stated, or as the rest of the line says; else None."""
    stated = item.get("status")
    known = stated.strip().lower() if type(stated) is str else ""
    if known in LINE_STATUSES:
        return LINE_STATUSES[known]
    if is_refused(item) or item.get("claim_reject_codes"):
        return "rejected"
    priced = not known and item.get("copay_amount") is not None
    return "completed" if priced else None


def _refusals(item: Json) -> list[str]:
    """The insurer's reject codes: objects with a code, or bare codes, of the line or else of its claims."""
    claims = item.get("claims")
    sources = [item, *(claim for claim in claims if type(claim) is dict)] if type(claims) is list else [item]
    for source in sources:
        listed = source.get("claim_reject_codes")
        if type(listed) is list:
            codes = [text(each.get("code") if type(each) is dict else each) for each in listed]
            if found := [code for code in codes if code]:
                return found
    return []


def next_fill(lines: Lines) -> int | None:
    """The first day on which a rejected prescription can be filled."""
    return min((line.due for line in lines.lines if line.due is not None), default=None)


def _inferred(details: Json) -> str:
    """success, error or triage, where a pulled copy, which has no status, leaves no doubt.

    An error is told by its error_code and a triage by its code, which the others never print.
    """
    code, error = text(details.get("code")), details.get("error_code")
    triaged = code and (_triage_code(code) or "triage" in (text(details.get("message")) or "").lower())
    if error and not code:
        return "error"
    if triaged and not error:
        return "triage"
    answered = any(_status(item) for _, item in entries(details.get("prescriptions")))
    if error or code or not answered:
        raise Unreadable("missing_status")
    return "success"


def _decided(details: Json) -> str:
    """The status of a prior authorization by its message, where a pulled copy prints none.

    Of `submitted` and `pending`, which the reference defines alike, the samples print the second of an
    electronic one. Raises Unreadable missing_status.
    """
    message = (text(details.get("message")) or "").lower()
    found = [status for status, says in DECISIONS.items() if says(message)]
    if found and found[0] in ("NEW", "APPEALED"):  # their messages say what has not been yet, or was before
        return found[0]
    if len(found) != 1:
        raise Unreadable("missing_status")
    if found[0] == "SUBMITTED" and label(details.get("prior_auth_type")) == "EPA":
        return "PENDING"
    return found[0]
