"""The lines that an entity has now, by its history."""

from __future__ import annotations

from collections.abc import Sequence

from statemachine.kernel import Machine
from statemachine.lines import Told, known_lines, say_nothing
from statemachine.model import Fact, Line, Step, is_snapshot
from statemachine.rules import OutcomeRule, Verdict

__all__ = ["current_lines", "lines_told"]


def current_lines(machine: Machine, steps: Sequence[Step]) -> tuple[Line, ...]:
    """The lines that an entity has now, by its history in effective order (`lines_told`)."""
    return tuple(told.line for told in lines_told(machine, steps))


def lines_told(machine: Machine, steps: Sequence[Step]) -> tuple[Told, ...]:
    """The lines that an entity has now, by its history in effective order, and which facts say so.

    Where the machine merges lines: the latest word on each. Else, in a state of the machine's `lines_from`,
    they are those of the last fact of that signal, so that a later return does not hide what was filled; else
    those of the last fact that has any. A conflict gives no lines. A snapshot's count where they tell other
    statuses than those (`OutcomeRule.also`).
    """
    counted = [step.fact for step in steps if step.verdict is not Verdict.CONFLICT]
    lines = known_lines(machine.outcome)
    if lines is not None:
        for fact in counted:
            lines.add(fact, snapshot=is_snapshot(fact.signal))
        return lines.told()
    given = _giving(machine, steps[-1].after if steps else "", counted)
    return () if given is None else tuple(Told(line, given, place) for place, line in enumerate(given.lines))


def _giving(machine: Machine, state: str, counted: Sequence[Fact]) -> Fact | None:
    """The fact whose lines are the entity's, of those that are no conflict; None where none has any."""
    source = machine.lines_from.get(state)
    settled = machine.outcome is not None and state in machine.outcome.settled_in
    also = machine.outcome.also if machine.outcome is not None and settled else frozenset()
    seen: Fact | None = None
    for fact in reversed(counted):
        if fact.signal == source:
            return seen if seen and _differs(seen.lines, fact.lines, machine.outcome) else fact
        if fact.signal in also and fact.lines:
            seen = seen or fact
    return seen or next((fact for fact in reversed(counted) if fact.lines), None)


def _differs(seen: tuple[Line, ...], known: tuple[Line, ...], outcome: OutcomeRule | None) -> bool:
    """Whether a snapshot tells other statuses than the news before it."""
    if outcome is not None and known and say_nothing(seen, outcome):
        return False
    return sorted(line.status for line in seen) != sorted(line.status for line in known)
