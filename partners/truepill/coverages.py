"""COVERAGE: which insurance a patient has, or why that is not known."""

from __future__ import annotations

import re

from partners.fields import EMPTY, Hash, Json, first_text, text, texts
from partners.reading import Stated, Unreadable
from partners.truepill.build_facts import Copy, named_status, stated
from partners.truepill.lines import Lines, entries, gathered, made

__all__ = ["coverage"]

TEXTS = ("message", "description", "metadata", "patient_token")
TOKENS = ("insurance_token",)
SHOWN = (
    ("name", ("payer_name",)),
    ("plan_type", ("plan_type",)),
    ("bin", ("bin", "rx_bin")),
    ("pcn", ("pcn",)),
    ("group", ("group_number", "group", "rx_group")),
    ("cardholder_id", ("cardholder_id",)),
    ("effective_date", ("effective_date",)),
    ("termination_date", ("termination_date",)),
)

# Two messages are printed: the insurance is not found, and the social security number is not available. The
# first is an answer; the second, as anything else that may be said, only tells that nobody could look.
_looked_up_nothing = re.compile(
    r"\b(insurance|coverage|plan)s?\b.*\bnot\b.*\bfound\b|\bno\b.*\b(insurance|coverage|plan)s?\b.*\bfound\b"
).search
_could_not_look = re.compile(r"social security|\bssn\b").search


def coverage(copy: Copy) -> tuple[Stated, ...]:
    """A success that names no insurance has found none. Of an error the message decides."""
    known = copy.details if copy.details is not None else EMPTY
    lines = _lines(known, copy.hash)
    message = first_text(copy.content, ("message",)) or first_text(known, ("message", "description"))
    status = named_status(copy, "success", "error")
    if status is None:
        if not lines.lines and not message:
            raise Unreadable("missing_status")
        status = "success" if lines.lines else "error"
    if status == "error":
        signal = f"coverage:{_reason(message)}"
    else:
        nothing = not known.get("insurances") and "insurances" in known
        signal = "coverage:not_found" if nothing else "coverage:found"
    detail = texts(known, TEXTS)
    if message:
        detail["message"] = message
    code = text(known.get("error_code") or known.get("code")) if status == "error" else None
    return (stated("coverage", copy, signal, code=code, lines=lines, detail=detail),)


def _lines(details: Json, hash: Hash) -> Lines:
    return gathered(
        made(position, item, "found", hash, tokens=TOKENS, shown=SHOWN)
        for position, item in entries(details.get("insurances"))
    )


def _reason(message: str | None) -> str:
    told = (message or "").lower()
    return "not_found" if _looked_up_nothing(told) and not _could_not_look(told) else "not_checked"
