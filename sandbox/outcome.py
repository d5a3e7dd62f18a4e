"""Where a thing stands by all that was said of it: its state, its outcome, and the last word on each line.

The sandbox's own model, as `truth.py` is: event after event, in the order in which they were generated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sandbox.partners import truth_of
from sandbox.truth import Line, Said

__all__ = ["NEW", "Standing", "standing_after"]

NO_LINES: Mapping[str, str] = MappingProxyType({})
#: What brings lines, and the status of a line that came to something.
DONE = {"order:success": "filled", "transfer:success": "transferred", "copay:success": "completed"}
#: Whose lines are added up: a copay's answer after an approval lists that prescription alone.
MERGED = "copay"
KINDS = frozenset({"fill_request", "transfer", "copay"})
NONE_IN = frozenset({"rejected", "cancelled"})
OPEN_IN = frozenset({"pending", "triage", "awaiting_payment", "contacting"})


class Standing(NamedTuple):
    """`outcome`: full, partial or none by the lines, None before any came back. `lines`: status by token.

    `contradicted`: something was said on purpose that a person has to look at.
    """

    state: str | None = None
    outcome: str | None = None
    lines: Mapping[str, str] = NO_LINES
    contradicted: bool = False


NEW = Standing()


def standing_after(before: Standing, said: Said, *, surprise: bool, contradicts: bool) -> Standing:
    """Where one thing more leaves an entity."""
    idle = surprise or contradicts
    state = truth_of(said.kind).state_after(before.state, said, idle)
    contradicted = before.contradicted or contradicts
    if idle or said.kind not in KINDS:
        return before._replace(state=state, contradicted=contradicted)
    lines, outcome = before.lines, before.outcome
    if done := DONE.get(said.signal):
        lines = {**(lines if said.kind == MERGED else NO_LINES), **dict(_named(said.lines))}
        outcome = _outcome(lines.values(), done)
    elif state != before.state and state in NONE_IN:
        outcome = "none"
    elif state in OPEN_IN:
        outcome = None
    return Standing(state, outcome, lines, contradicted)


def _named(lines: Iterable[Line]) -> Iterable[Line]:
    """Two lines may share a token: then their places tell them apart."""
    seen: set[str] = set()
    for place, (token, status) in enumerate(lines):
        yield (token if token not in seen else f"{token} {place}"), status
        seen.add(token)


def _outcome(statuses: Iterable[str], done: str) -> str | None:
    found = [status == done for status in statuses]
    if not found:
        return None
    return "full" if all(found) else "partial" if any(found) else "none"
