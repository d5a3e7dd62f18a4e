"""What the lines of all types share: taking them out of a list, and naming one by token and position."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from partners.fields import Hash, Json, clear_code, text, token
from partners.reading import Unreadable
from statemachine.model import Line

__all__ = ["NO_LINES", "REASONS", "Lines", "Made", "Shown", "entries", "gathered", "is_refused", "made"]

MAX_LINES = 500  # far beyond any order; a longer list is refused before it costs anything

# A line that was rejected says so in one of these; the names differ between callbacks.
REASONS = (
    "reject_reason",
    "rejection_reason",
    "reject_message",
    "rejection_message",
    "reject_reason_other",
    "rejection_reason_other",
)
_new = tuple.__new__  # of what a body has dozens: a third of the generated __new__'s time
_has_digit = re.compile(r"[0-9]").search
_signs_of_refusal = frozenset((*REASONS, "error_code", "status")).isdisjoint

Shown = Sequence[tuple[str, Sequence[str]]]  # what to show of a line, and the names that it goes under


class Lines(NamedTuple):
    """`lines[i]` is described by `detail[i]`; `apart` is what discriminates one list from another."""

    lines: tuple[Line, ...]
    detail: list[dict[str, object]]
    apart: list[tuple[str, str]]


NO_LINES = Lines((), [], [])


class Made(NamedTuple):
    """One line, what is worth showing of it, and its token as given, be it fit for the clear or not."""

    line: Line
    detail: dict[str, object]
    raw: str


def entries(value: object) -> Iterator[tuple[int, Json]]:
    """The objects of a list with their positions; a bare token counts as one, anything else is skipped.

    Tokens hold digits. A bare word without any may be what somebody takes, so it is a name and stays sealed.
    Raises Unreadable bad_details for more than MAX_LINES.
    """
    if not isinstance(value, list):
        return
    if len(value) > MAX_LINES:
        raise Unreadable("bad_details")
    for position, item in enumerate(value):
        if type(item) is dict:
            yield position, item
        elif plain := token(item):
            yield position, {"prescription_token" if _has_digit(plain) else "medication_name": item}


def made(
    position: int,
    item: Json,
    status: str,
    hash: Hash,
    *,
    tokens: Sequence[str],
    shown: Shown,
    code: str | None = None,
    reason: str | None = None,
    due: int | None = None,
) -> Made:
    """One line. The first of `tokens` that may stand in the clear names it; what may not is in the detail."""
    detail: dict[str, object] = {}
    for name, sources in shown:
        for source in sources:
            value = item.get(source)
            if value is not None and (found := text(value)):
                detail[name] = found
                break
    known, free = None, None
    for name in tokens:
        value = item.get(name)
        known = token(value)
        if known:
            break
        free = free or text(value)
    raw = known or free or ""
    if raw and known is None:
        detail["token"] = raw
    if reason:
        detail["reason"] = reason
    clear = clear_code(code, hash) if code else None
    if clear != code:
        detail["code"] = code
    return _new(Made, (_new(Line, (position, known, status, clear, due)), detail, raw))


def gathered(lines: Iterable[Made]) -> Lines:
    """The lines in their order, and what they tell in an order of its own, so that shuffled copies agree."""
    found = list(lines)
    apart = sorted([(one.raw, one.line.status) for one in found])
    return Lines(tuple([one.line for one in found]), [one.detail for one in found], apart)


def is_refused(item: Json) -> bool:
    """Whether a line says by any of the known names that it was rejected."""
    if _signs_of_refusal(item):
        return False
    if any(item.get(name) for name in REASONS) or item.get("error_code"):
        return True
    status = item.get("status")
    return type(status) is str and status.strip().lower().startswith("reject")
