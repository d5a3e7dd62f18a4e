"""Expectations of a machine, written by hand as a grid, and lives of its entities told in every order.

In a grid the columns are states by their letters and the rows are signals. A letter is a move to that state,
behind a colon stand the states jumped over; = confirms, ~ is late, ! is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from statemachine import MACHINES, Fact, Line, Machine, Step, Summary, Verdict

__all__ = ["START", "Cell", "Grid", "Story", "fact", "told_in_every_order"]

START = 1_590_800_000
SIGNS = {"=": Verdict.CONFIRMED, "~": Verdict.LATE, "!": Verdict.CONFLICT}


class Cell(NamedTuple):
    state: str
    signal: str
    sign: str


def fact(at: int, signal: str, *statuses: str, code: str | None = None, told: bytes = b"") -> Fact:
    """`at` counts from START; one line a status."""
    lines = tuple(Line(i, f"rx{i}", status, None) for i, status in enumerate(statuses))
    return Fact(START + at, signal, code, told, lines)


class Grid:
    """What is expected of the machine of `kind`, and the checks of it."""

    def __init__(self, kind: str, states: dict[str, str], text: str) -> None:
        self.machine = MACHINES[kind]
        self.states = states
        heads, *rows = (line.split() for line in text.strip().splitlines())
        self.cells = [
            Cell(states[head], row[0], sign)
            for row in rows
            for head, sign in zip(heads, row[1:], strict=True)
        ]

    def check(self, cell: Cell) -> None:
        """One cell: what its signal does to an entity that is held in its state."""
        state, signal, sign = cell
        held = self.machine.start()._replace(state=state, since=START, by="before")
        summary, step = self.machine.step(held, fact(9, signal, "a status"))
        target, _, jumped = sign.partition(":")
        if target in SIGNS:
            assert (step.verdict, step.after, step.gap) == (SIGNS[target], state, ())
            assert (summary.since, summary.by) == (START, "before")
        else:
            assert (step.verdict, step.after) == (Verdict.MOVED, self.states[target])
            assert step.gap == tuple(self.states[letter] for letter in jumped)
            assert (summary.since, summary.by) == (START + 9, signal)
        assert (summary.review is not None) == (sign == "!")

    def check_names(self) -> None:
        """The page and the grid speak of the same states and signals, in the same order."""
        assert self.machine.states == tuple(self.states.values())
        assert list(self.machine.rank) == list(dict.fromkeys(cell.signal for cell in self.cells))


class Story(NamedTuple):
    """A life: its facts in effective order, what becomes of each, and how it ends."""

    facts: Sequence[Fact]
    verdicts: str
    state: str
    outcome: str | None = None

    def check(self, machine: Machine) -> None:
        summary, steps = machine.fold(self.facts)
        assert (summary.state, summary.outcome) == (self.state, self.outcome)
        assert [str(step.verdict) for step in steps] == self.verdicts.split()
        assert [step.fact for step in steps] == list(self.facts)
        assert all(told == (summary, steps) for told in told_in_every_order(machine, self.facts))


def told_in_every_order(machine: Machine, facts: Sequence[Fact]) -> Iterator[tuple[Summary, list[Step]]]:
    """The fold of every permutation with one duplicate inserted: anywhere, and of each fact, in turn.

    Up to five facts every duplicate goes to every place of every permutation; longer stories rotate both, so
    that each permutation is told once.
    """
    size = len(facts)
    every = [(which, where) for which in range(size) for where in range(size + 1)]
    for number, order in enumerate(permutations(facts)):
        chosen = every if size <= 5 else [every[number % len(every)]]
        for which, where in chosen:
            yield machine.fold([*order[:where], facts[which], *order[where:]])
