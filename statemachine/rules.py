"""The words that a machine's table is written in, and the check that a table is whole.

MOVE("completed")                       the state becomes completed
MOVE("delivered", gap=("in_transit",))  the same, over a state that the partner never reported
CONFIRM  LATE  CONFLICT                 the state stays; a conflict also asks for a review
RENEW                                   confirms; a date that was waited for counts no more
AWAIT                                   confirms; its date counts only while the outcome is not full
SETTLE                                  confirms; no date counts once the outcome is full

Clock(3 * DAY, "why")                   how long a state may last without news
Silence(3 * DAY, "what it means")       after how long without news a callback or the request itself is lost
Wait("owed", ends={"paid"}, ...)        a clock that outlives the state in which it began
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "AWAIT",
    "CONFIRM",
    "CONFLICT",
    "DAY",
    "LATE",
    "MINUTE",
    "MOVE",
    "RENEW",
    "SEEN",
    "SETTLE",
    "Clock",
    "Clocks",
    "Dates",
    "LinesFrom",
    "OutcomeRule",
    "Rank",
    "Rule",
    "Silence",
    "Table",
    "Verdict",
    "Wait",
    "table_errors",
]

MINUTE = 60  # seconds
DAY = 86_400

#: How the signals of snapshots begin: `seen:STATE` is what the partner's own record says now. It confirms or
#: moves forward; what lies behind the state is a conflict and never late, since it speaks of the present.
#: But on a ladder: there nothing says when a record was true.
SEEN = "seen:"


class Verdict(StrEnum):
    """What one fact meant in the state that it met."""

    MOVED = "moved"
    CONFIRMED = "confirmed"
    LATE = "late"
    CONFLICT = "conflict"


class Dates(StrEnum):
    """What a confirmation means for the date that is waited for."""

    KEPT = "kept"  # unless it brings another
    RENEWED = "renewed"  # by the one that it brings, or by none
    OPEN = "open"  # kept, and the one that it brings counts only while the outcome is not full
    SETTLED = "settled"  # kept, unless it brings another; none once it leaves the outcome full


class Rule(NamedTuple):
    """One cell of a table. `to` is None where the state stays; `dates` is for confirmations."""

    verdict: Verdict
    to: str | None = None
    gap: tuple[str, ...] = ()
    dates: Dates = Dates.KEPT


def MOVE(to: str, *, gap: tuple[str, ...] = ()) -> Rule:
    """The signal moves to `to`; `gap` names the states in between that were never reported."""
    return Rule(Verdict.MOVED, to, gap)


CONFIRM = Rule(Verdict.CONFIRMED)
RENEW = Rule(Verdict.CONFIRMED, dates=Dates.RENEWED)
AWAIT = Rule(Verdict.CONFIRMED, dates=Dates.OPEN)
SETTLE = Rule(Verdict.CONFIRMED, dates=Dates.SETTLED)
LATE = Rule(Verdict.LATE)
CONFLICT = Rule(Verdict.CONFLICT)


class OutcomeRule(NamedTuple):
    """How a machine's outcome follows from lines.

    Each `source` fact that is no conflict sets it: full when every line has a status in `done`, partial when
    some have or a line has one in `partly`, none when no line has, null when there are no lines. A move into
    `none_in` sets none, a move into `open_in` sets null; otherwise it is carried. While the state is in
    `settled_in`, the entity's lines are those of the last source fact.

    Facts of `also` do the same where they have lines. Where these tell no other statuses than the source
    fact before them, that one's are kept: a snapshot's lines say less than a callback's.

    Lines with a status of `unsaid` say nothing of themselves: they change nothing that is known better.

    With `merged` a fact may list some of the lines only: then what counts are the lines of all facts that are
    no conflict, of each the latest word (`statemachine.lines`).
    """

    source: str
    done: frozenset[str]
    none_in: frozenset[str]
    open_in: frozenset[str]
    settled_in: frozenset[str]
    also: frozenset[str] = frozenset()
    merged: bool = False
    partly: frozenset[str] = frozenset()
    unsaid: frozenset[str] = frozenset()


class Silence(NamedTuple):
    """After how many seconds in a state no news means that something is lost, and what.

    They are the page's; where the partner documents no time, a setting may say others.
    """

    seconds: int
    means: str


class Clock(NamedTuple):
    """How many seconds a state may last before somebody should ask, and why that many.

    A state without `silence` waits for somebody who may take longer: there a passed deadline is no loss.
    """

    seconds: int
    why: str
    silence: Silence | None = None


class Wait(NamedTuple):
    """A clock that outlives the state in which it began.

    It begins with the first of the signals `begins` and runs until one of `ends`, or until the state is none
    of `within`, whatever moves in between and however often `begins` comes again.
    """

    begins: str
    ends: frozenset[str]
    within: frozenset[str]
    clock: Clock


Table = Mapping[str, Mapping[str, Rule]]
Rank = Mapping[str, int]
Clocks = Mapping[str, Clock]
LinesFrom = Mapping[str, str]


def table_errors(
    initial: str,
    table: Table,
    rank: Rank,
    outcome: OutcomeRule | None,
    clocks: Clocks,
    lines_from: LinesFrom,
    prompts: Clocks,
    wait: Wait | None = None,
    ladder: Sequence[str] = (),
) -> list[str]:
    """What keeps a table from being a machine, one text for each fault; empty when it is whole."""
    found = [] if initial in table else [f"the initial state {initial} has no row"]
    for state, row in table.items():
        found += [f"{state} says nothing about {signal}" for signal in rank if signal not in row]
        found += [f"{state} speaks of {signal}, which has no rank" for signal in row if signal not in rank]
        for signal, rule in row.items():
            found += [f"{state}/{signal}: {fault}" for fault in _rule_faults(state, rule, table)]
    if outcome is not None:
        named = outcome.none_in | outcome.open_in | outcome.settled_in
        found += [f"the outcome names {state}, which has no row" for state in sorted(named - set(table))]
        if outcome.source not in rank:
            found.append(f"the outcome's source {outcome.source} has no rank")
        found += [f"the outcome's source {s} has no rank" for s in sorted(outcome.also - set(rank))]
    for state, clock in clocks.items():
        if state not in table:
            found.append(f"a clock runs in {state}, which has no row")
        if clock.seconds <= 0 or not clock.why:
            found.append(f"the clock of {state} has no length or no reason")
        if clock.silence is not None and (clock.silence.seconds <= 0 or not clock.silence.means):
            found.append(f"the silence of {state} has no length or no meaning")
    for signal, clock in prompts.items():
        if signal not in rank:
            found.append(f"a clock runs after {signal}, which has no rank")
        if clock.seconds <= 0 or not clock.why:
            found.append(f"the clock after {signal} has no length or no reason")
    for state, source in lines_from.items():
        if state not in table or source not in rank:
            found.append(f"the lines of {state} from {source}: there is no such state or signal")
    if wait is not None:
        found += _wait_faults(wait, table, rank)
    # A table with a hole is no ladder, and says so above.
    return found if found or not ladder else _ladder_faults(ladder, table, rank)


def _wait_faults(wait: Wait, table: Table, rank: Rank) -> list[str]:
    found = [f"the wait names {state}, which has no row" for state in sorted(wait.within - set(table))]
    found += [f"the wait names {s}, which has no rank" for s in sorted({wait.begins, *wait.ends} - set(rank))]
    if wait.begins in wait.ends:
        found.append(f"the wait begins and ends with {wait.begins}")
    if wait.clock.seconds <= 0 or not wait.clock.why:
        found.append("the wait has no length or no reason")
    return found


def _ladder_faults(ladder: Sequence[str], table: Table, rank: Rank) -> list[str]:
    """What keeps the highest state that was heard of from being the state, whatever came when."""
    if sorted(ladder) != sorted(table):
        return ["the ladder does not have each state once"]
    found = []
    for signal in rank:
        told = [table[state][signal][:2] for state in ladder]
        steps = [_told_on(ladder, place) for place in range(len(ladder))]
        if told not in (*steps, [CONFIRM[:2]] * len(ladder), [CONFLICT[:2]] * len(ladder)):
            found.append(f"{signal} is no step of the ladder")
    return found


def _told_on(ladder: Sequence[str], place: int) -> list[tuple[Verdict, str | None]]:
    """What news of one state means in each: it moves up to it, confirms it, and is late above."""
    moves: list[tuple[Verdict, str | None]] = [(Verdict.MOVED, ladder[place])] * place
    return [*moves, (Verdict.CONFIRMED, None), *[(Verdict.LATE, None)] * (len(ladder) - place - 1)]


def _rule_faults(state: str, rule: Rule, table: Table) -> list[str]:
    if rule.verdict is not Verdict.MOVED:
        table_errors = ["only a move has a target and a gap"] if rule.to is not None or rule.gap else []
        if rule.dates is not Dates.KEPT and rule.verdict is not Verdict.CONFIRMED:
            table_errors.append("only a confirmation says what becomes of dates")
        return table_errors
    if rule.to is None or rule.to not in table:
        return [f"moves to {rule.to}, which has no row"]
    table_errors = ["moves to itself: that is a confirmation"] if rule.to == state else []
    table_errors += ["a move brings its own date or none"] if rule.dates is not Dates.KEPT else []
    table_errors += [f"jumps over {over}, which has no row" for over in rule.gap if over not in table]
    table_errors += [f"jumps over {over}, its own end" for over in rule.gap if over in (state, rule.to)]
    if len(set(rule.gap)) != len(rule.gap):
        table_errors.append("jumps over one state twice")
    return table_errors
