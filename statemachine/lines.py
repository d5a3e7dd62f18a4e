"""Which lines an entity has by all that was said of it, where each fact may list some of them only.

A line is met again by its token; tokens collide, so of equal ones the first is the first again, the second
the second. Lines without a token are met by their order alone. A line keeps the position at which it was
first heard of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from statemachine.model import Fact, Line
from statemachine.rules import OutcomeRule

__all__ = ["KnownLines", "Told", "known_lines", "say_nothing"]


class Told(NamedTuple):
    """A line, and where it stands: it is line number `place` (from 0) of `fact`."""

    line: Line
    fact: Fact
    place: int


class KnownLines:
    """The latest word on every line. `done` are the statuses of lines that wait for nothing more, `unsaid`
    those of lines of which nothing was said: they leave a word that was said before.

    An answer that was announced (`await_answer`) is due until one came for each, or all lines are done.
    """

    def __init__(self, done: Iterable[str], unsaid: Iterable[str] = ()) -> None:
        self._done = frozenset(done)
        self._unsaid = frozenset(unsaid)
        self._told: dict[tuple[str | None, int], Told] = {}
        self._answers: list[int] = []

    def add(self, fact: Fact, *, snapshot: bool) -> int:
        """The lines of a fact, which is later than all before; returns how many of them are done since.

        Those of a snapshot say less than a callback's: one that tells no other status than is known changes
        nothing.
        """
        seen: dict[str | None, int] = {}
        first = not self._told
        # Lines of before they were kept with dates of their own, and those of a triage, share the fact's.
        shared = None if any(line.due for line in fact.lines) else fact.due
        done_since = 0
        for place, line in enumerate(fact.lines):
            number = seen.get(line.token, 0)
            seen[line.token] = number + 1
            before = self._told.get((line.token, number))
            if before is None:
                position = line.position if first else self._next_position()
            elif line.status in self._unsaid or (snapshot and before.line.status == line.status):
                continue
            else:
                position = before.line.position
            if line.status in self._done and (before is None or before.line.status not in self._done):
                done_since += 1
            due = line.due if line.status in self._done else line.due or shared
            self._told[line.token, number] = Told(line._replace(position=position, due=due), fact, place)
        if self._all_done():
            self._answers.clear()
        return done_since

    def await_answer(self, due: int | None) -> None:
        """An answer to one of the lines is due by then, in seconds of Unix time."""
        if due is not None and not self._all_done():
            self._answers.append(due)

    def answered(self, at: int, answers: int | None = None) -> None:
        """So many answers came, the earliest due first; None for an answer to all.

        What was due before that was noticed then, and is not waited for any more.
        """
        self._answers.sort()
        rest = self._answers[answers:] if answers is not None else []
        self._answers = [due for due in rest if due > at]

    def told(self) -> tuple[Told, ...]:
        """By position."""
        return tuple(sorted(self._told.values(), key=lambda told: told.line.position))

    def due(self) -> int | None:
        """The first date of a line that is not done, or by which an answer is due; None for none."""
        dates = [told.line.due for told in self._told.values() if told.line.status not in self._done]
        return min((date for date in (*dates, *self._answers) if date is not None), default=None)

    def _next_position(self) -> int:
        return 1 + max(told.line.position for told in self._told.values())

    def _all_done(self) -> bool:
        return bool(self._told) and all(told.line.status in self._done for told in self._told.values())


def known_lines(outcome: OutcomeRule | None) -> KnownLines | None:
    """Nothing known yet, of a machine that merges lines; None of one that does not."""
    return KnownLines(outcome.done, outcome.unsaid) if outcome is not None and outcome.merged else None


def say_nothing(lines: tuple[Line, ...], outcome: OutcomeRule) -> bool:
    """Whether of any of these lines nothing was said."""
    return any(line.status in outcome.unsaid for line in lines)
