"""The kernel of every machine: facts in, one state and its history out. Standard library only, no I/O.

A machine is a literal table: for every state and every signal one rule says what the signal means there.
It *moves*, it *confirms*, it is *late* (it speaks of something behind the state), or it is a *conflict*.
Nothing falls through: `Machine` refuses a table with a hole when it is made, which is at import.

State is a pure function of the set of facts known. `Machine.order` puts facts in effective order, whatever
the order of their arrival; `Machine.fold` steps through them; `Machine.step` goes on from a stored Summary,
unless it is a snapshot that comes: whether that one is news, the fact before it says (`statemachine.model`);
and unless lines are merged (`Machine.merges`): those that are known stand in no Summary.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import gmtime, strftime
from types import MappingProxyType
from typing import NamedTuple

from statemachine.lines import KnownLines, known_lines, say_nothing
from statemachine.model import Fact, Line, Step, Summary, adds_nothing, is_snapshot
from statemachine.rules import (
    Clocks,
    Dates,
    LinesFrom,
    OutcomeRule,
    Rank,
    Rule,
    Table,
    Verdict,
    Wait,
    table_errors,
)

__all__ = ["Machine", "MachineError"]


class MachineError(ValueError):
    """A table that cannot be a machine; the text has one line for each fault."""


class _Cell(NamedTuple):
    """A rule made ready for `step`: the state afterwards, and what becomes of the outcome and the wait."""

    verdict: Verdict
    after: str
    gap: tuple[str, ...]
    outcome: str
    dates: Dates
    wait: str


_KEEP, _NONE, _OPEN, _LINES, _ANY_LINES = "keep", "none", "open", "lines", "any lines"
_BEGIN, _END = "begin", "end"


class Machine:
    """An explicit, total table of one kind of entity.

    `rank` orders the signals of one second and thereby lists every signal. `clocks` gives the states that
    should not last their time, `prompts` the signals that other news should follow soon, `wait` the clock
    that outlives states. `lines_from` gives the signal that an entity's lines come from in a state, beside
    what the outcome says of settled ones. `ladder` has the states of a machine whose facts have no time, from
    the lowest to the highest: of these the highest that was heard of is the state, so that no order of
    arrival matters.
    Raises MachineError when the table has a hole, names a state or signal that does not exist, or moves a
    state to itself; or where a signal is no step of the ladder.
    """

    __slots__ = (
        "_cells",
        "clocks",
        "initial",
        "kind",
        "ladder",
        "lines_from",
        "outcome",
        "prompts",
        "rank",
        "states",
        "table",
        "wait",
    )

    def __init__(
        self,
        *,
        kind: str,
        initial: str,
        table: Table,
        rank: Rank,
        outcome: OutcomeRule | None = None,
        clocks: Clocks = MappingProxyType({}),
        lines_from: LinesFrom = MappingProxyType({}),
        prompts: Clocks = MappingProxyType({}),
        wait: Wait | None = None,
        ladder: tuple[str, ...] = (),
    ) -> None:
        found = table_errors(initial, table, rank, outcome, clocks, lines_from, prompts, wait, ladder)
        if found:
            raise MachineError("\n".join(f"{kind}: {fault}" for fault in found))
        self.kind = kind
        self.initial = initial
        self.states = tuple(table)
        self.table = MappingProxyType({state: MappingProxyType(dict(row)) for state, row in table.items()})
        self.rank = MappingProxyType(dict(rank))
        self.outcome = outcome
        self.clocks = MappingProxyType(dict(clocks))
        self.prompts = MappingProxyType(dict(prompts))
        self.wait = wait
        self.ladder = ladder
        settled = dict.fromkeys(outcome.settled_in, outcome.source) if outcome is not None else {}
        self.lines_from = MappingProxyType({**settled, **lines_from})
        self._cells = {
            state: {signal: _cell(state, signal, rule, outcome, wait) for signal, rule in row.items()}
            for state, row in table.items()
        }

    def start(self) -> Summary:
        """The summary of an entity that no fact is known of."""
        return Summary(self.initial, None, None, None, None, None)

    @property
    def merges(self) -> bool:
        """Whether a fact may list some of the entity's lines only."""
        return self.outcome is not None and self.outcome.merged

    def order(self, fact: Fact) -> tuple[int, int, int, str, str, bytes]:
        """The sort key of effective order."""
        signal = fact[1]
        return (fact[0], fact[6], self.rank[signal], signal, fact[2] or "", fact[3])

    def step(self, summary: Summary, fact: Fact) -> tuple[Summary, Step]:
        """One fact that comes after all others in effective order. KeyError: a signal this machine lacks."""
        state, since, by, outcome, review, _, due, waiting_since = summary
        occurred_at, signal, code, _, lines, brought, _ = fact
        verdict, after, gap, effect, dates, wait = self._cells[state][signal]
        if verdict is _MOVED:
            since = occurred_at
            by = signal
            due = brought
        elif verdict is _CONFLICT:
            review = _review(self.kind, state, since, by, signal, code, occurred_at)
        elif verdict is _CONFIRMED:
            if brought is None:
                due = None if dates is _RENEWED else due
            elif dates is not _OPEN_ONLY or outcome != "full":
                due = brought
        if effect is not _KEEP and (effect is not _ANY_LINES or self._tells(lines, outcome)):
            outcome = self._outcome(effect, lines)
        if dates is _SETTLED and outcome == "full":
            due = None
        if wait is not _KEEP and not (wait is _BEGIN and waiting_since is not None):
            waiting_since = occurred_at if wait is _BEGIN else None
        # tuple.__new__ skips the generated __new__ of a NamedTuple, which costs as much as the rest of this.
        return (
            _new(Summary, (after, since, by, outcome, review, occurred_at, due, waiting_since)),
            _new(Step, (fact, verdict, state, after, gap)),
        )

    def fold(self, facts: Iterable[Fact]) -> tuple[Summary, list[Step]]:
        """All facts of one entity, in any order, to its state and history.

        Copies with one identity count once. Callers choose the preferred copy; if copies with other content
        still come here, the choice among them must not depend on order either: the smallest content wins.
        Of snapshots in a row that say the same, the first alone is in the history.
        """
        known: dict[tuple[int, str, str | None, bytes], Fact] = {}
        for fact in facts:
            identity = fact[:4]
            other = known.setdefault(identity, fact)
            if other is not fact and other != fact:
                known[identity] = min(other, fact, key=_by_content)
        summary = self.start()
        steps: list[Step] = []
        lines = known_lines(self.outcome)
        for fact in sorted(known.values(), key=self.order):
            if is_snapshot(fact.signal) and steps and adds_nothing(fact, steps[-1].fact):
                summary = summary._replace(last_at=fact.occurred_at)
                continue
            if lines is None:
                summary, step = self.step(summary, fact)
            else:
                summary, step = self._step_beside(lines, summary, fact)
            steps.append(step)
        return summary, steps

    def _step_beside(self, lines: KnownLines, summary: Summary, fact: Fact) -> tuple[Summary, Step]:
        """A step with a fact as it counts beside the lines that are known: with all, and their date."""
        cell = self._cells[summary.state][fact.signal]
        if cell.verdict is _CONFLICT:
            return self.step(summary, fact)
        if fact.signal in self.prompts:
            lines.await_answer(fact.due)
            summary, step = self.step(summary, fact._replace(due=lines.due()))
            return summary, step._replace(fact=fact)
        done = lines.add(fact, snapshot=is_snapshot(fact.signal))
        if cell.outcome is _LINES:
            lines.answered(fact.occurred_at, 1)
        elif cell.outcome is _ANY_LINES and fact.lines:
            lines.answered(fact.occurred_at, done)
        else:
            if cell.outcome is _NONE or cell.dates is _RENEWED:
                lines.answered(fact.occurred_at)
            return self.step(summary, fact)
        known = tuple(told.line for told in lines.told())
        summary, step = self.step(summary, fact._replace(lines=known, due=lines.due()))
        return summary._replace(due=lines.due()), step._replace(fact=fact)

    def _tells(self, lines: tuple[Line, ...], known: str | None) -> bool:
        """Whether the lines of a snapshot count: those that say nothing of themselves only where none do."""
        if not lines or self.outcome is None:
            return False
        return known is None or self.merges or not say_nothing(lines, self.outcome)

    def _outcome(self, effect: str, lines: tuple[Line, ...]) -> str | None:
        if effect is _NONE:
            return "none"
        if effect is _OPEN or not lines or self.outcome is None:
            return None
        done, partly = self.outcome.done, self.outcome.partly
        count = sum(line.status in done for line in lines)
        if count == len(lines):
            return "full"
        return "partial" if count or any(line.status in partly for line in lines) else "none"


_new = tuple.__new__
_MOVED = Verdict.MOVED
_CONFIRMED = Verdict.CONFIRMED
_CONFLICT = Verdict.CONFLICT
_RENEWED = Dates.RENEWED
_OPEN_ONLY = Dates.OPEN
_SETTLED = Dates.SETTLED


def _by_content(fact: Fact) -> tuple[list[tuple[int, str, str, str, int]], bool, int, int]:
    lines = [
        (line.position, line.token or "", line.status, line.code or "", line.due or 0) for line in fact.lines
    ]
    return lines, fact.due is None, fact.due or 0, fact.millisecond


def _review(
    kind: str, state: str, since: int | None, by: str | None, signal: str, code: str | None, at: int
) -> str:
    """Both facts and the rule. A hashed code says nothing to a reader: it stands in the sealed detail."""
    held = "from the start" if since is None else f"since {_utc(since)} by {by}"
    shown = f" {code}" if code and not code.startswith("#") else ""
    return f"conflict in {state} ({held}): {signal}{shown} at {_utc(at)} [{kind}.{state}/{signal}]"


def _utc(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))


def _cell(state: str, signal: str, rule: Rule, outcome: OutcomeRule | None, wait: Wait | None) -> _Cell:
    after = rule.to or state
    effect = _KEEP
    if outcome is not None and rule.verdict is not Verdict.CONFLICT:
        if signal == outcome.source:
            effect = _LINES
        elif signal in outcome.also:
            effect = _ANY_LINES
        elif rule.to in outcome.none_in:
            effect = _NONE
        elif rule.to in outcome.open_in:
            effect = _OPEN
    return _Cell(rule.verdict, after, rule.gap, effect, rule.dates, _wait(wait, after, signal))


def _wait(wait: Wait | None, after: str, signal: str) -> str:
    if wait is None:
        return _KEEP
    if after not in wait.within or signal in wait.ends:
        return _END
    return _BEGIN if signal == wait.begins else _KEEP
