"""CONSULT and FILE: a provider's look at a patient's case, and the documents that the patient sends in."""

from __future__ import annotations

from partners.fields import EMPTY, Hash, Json, is_plain, label, text, texts
from partners.reading import Stated, Unreadable
from partners.truepill.build_facts import Copy, stated
from partners.truepill.lines import REASONS, Lines, Made, entries, gathered, made
from statemachine.model import Line

__all__ = ["consult", "file"]

TEXTS = ("message", "description", "provider", "issue_reason", "metadata", "patient_token", *REASONS)
FILE_TEXTS = ("message", "metadata", "patient_token")
SHOWN = (("tags", ("tags",)),)

MAX_STATES = 50  # there are seven

CONSULTS = {
    "UNASSIGNED": "consult:unassigned",
    "ASSIGNED": "consult:assigned",
    "REVIEW": "consult:review",
    "ISSUE": "consult:issue",
    "RESOLVE": "consult:resolved",
    "RESOLVED": "consult:resolved",
    "COMPLETED": "consult:completed",
    "COMPLETE": "consult:completed",
    "REJECTED": "consult:rejected",
    "CANCELLED": "consult:cancelled",
    "CANCELED": "consult:cancelled",
}
#: What only a consult in one status prints.
SIGNS = {
    "state": "consult:completed",
    "reject_reason": "consult:rejected",
    "issue_reason": "consult:issue",
}


def consult(copy: Copy) -> tuple[Stated, ...]:
    """The status is the state; completion states, which only a completed consult has, are its lines."""
    known = copy.details if copy.details is not None else EMPTY
    status = copy.content.get("status")
    signal = _inferred(known) if status is None or status == "" else CONSULTS.get(label(status))
    if signal is None:
        raise Unreadable("unknown_status")
    lines = _states(known.get("state")) if signal == "consult:completed" else gathered(())
    return (stated("consult", copy, signal, lines=lines, detail=texts(known, TEXTS)),)


def file(copy: Copy) -> tuple[Stated, ...]:
    """Documents arrived for a consult. One time may bring several callbacks, told apart by what they list."""
    known = copy.details if copy.details is not None else EMPTY
    lines = _documents(known, copy.hash)
    apart = [lines.apart] if lines.apart else None
    return (
        stated("consult", copy, "file:received", apart=apart, lines=lines, detail=texts(known, FILE_TEXTS)),
    )


def _states(value: object) -> Lines:
    """One line for each completion state: a list, or a bare one."""
    states = value if type(value) is list else [value]
    if len(states) > MAX_STATES:
        raise Unreadable("bad_details")
    return gathered(
        _in_the_clear(position, found) for position, state in enumerate(states) if (found := text(state))
    )


def _in_the_clear(position: int, state: str) -> Made:
    clear = _plain(state)
    return Made(Line(position, None, clear, None), {} if clear == state else {"status": state}, "")


def _documents(details: Json, hash: Hash) -> Lines:
    """The documents with their statuses as printed."""
    lines = []
    for position, item in entries(details.get("documents")):
        status = text(item.get("status")) or ""
        clear = _plain(status)
        line = made(position, item, clear, hash, tokens=("document_id",), shown=SHOWN)
        if status and clear != status:
            line.detail["status"] = status
        lines.append(line)
    return gathered(lines)


def _plain(status: str) -> str:
    """A status that may stand in the clear, else a word for one that may not."""
    return status if is_plain(status) else "unclear"


def _inferred(details: Json) -> str:
    """completed, rejected or issue, where a pulled copy, which has no status, leaves no doubt."""
    found = [signal for field, signal in SIGNS.items() if details.get(field)]
    if len(found) != 1:
        raise Unreadable("missing_status")
    return found[0]
