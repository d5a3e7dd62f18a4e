"""What machines are about: a line, a fact, where a fold stands, a step of a history; and what a snapshot is.

A snapshot is what the partner's own record said when it was asked. It is asked again and again, and a record
without a time of its own is dated by the request, so one that stands still would fill the history. Therefore
of snapshots in a row only the first is a fact of the history.

What counts as a row is decided in effective order and by the facts alone, so that the history stays a
function of their set: when other news turns up between two equal snapshots, the second one counts after all.
"""

from __future__ import annotations

from typing import NamedTuple

from statemachine.rules import SEEN, Verdict

__all__ = ["Fact", "Line", "Step", "Summary", "adds_nothing", "is_snapshot"]


class Line(NamedTuple):
    """One line of an entity, such as a medication; known by token *and* position (tokens collide).

    `due` is a date that it carries by itself, as `Fact.due`.
    """

    position: int
    token: str | None
    status: str
    code: str | None
    due: int | None = None


class Fact(NamedTuple):
    """What a partner stated about one entity. The first four fields are its identity, the others are not.

    `occurred_at` is in whole seconds of Unix time; `discriminator` is b"" or 16 bytes and tells apart what
    one second, signal and code may state twice. A `code` that starts with # is a hash of free text. `due` is
    a date that the fact carries, in seconds of Unix time: when it will be time to look at the entity again.
    `millisecond` is that of its second, 0 where only seconds are printed: it decides the order, as the rank
    does within one millisecond, and is no part of the identity, since another copy may print seconds.
    """

    occurred_at: int
    signal: str
    code: str | None
    discriminator: bytes
    lines: tuple[Line, ...] = ()
    due: int | None = None
    millisecond: int = 0


class Summary(NamedTuple):
    """Where the fold stands; stepping on from a stored one equals folding everything.

    `since` and `by` are time and signal of the last move, `last_at` is the time of the last fact in effective
    order, even one that adds nothing (seconds of Unix time), `review` names the latest conflict. `due` is the
    date that the last move carried, or a confirmation since, as its rule says; what is late or a conflict
    does not say what to wait for now. `waiting_since` is when the machine's `Wait` began that still runs.
    """

    state: str
    since: int | None
    by: str | None
    outcome: str | None
    review: str | None
    last_at: int | None
    due: int | None = None
    waiting_since: int | None = None


class Step(NamedTuple):
    """One entry of the history: the fact, what it meant, and the states that it jumped over."""

    fact: Fact
    verdict: Verdict
    before: str
    after: str
    gap: tuple[str, ...]


def is_snapshot(signal: str) -> bool:
    """Whether a signal is a snapshot's."""
    return signal.startswith(SEEN)


def adds_nothing(fact: Fact, last: Fact) -> bool:
    """Whether a snapshot says nothing beside the one that is the last entry of the history.

    That is: the same state, and no other code, lines or date than that one, or none at all. A page of a list
    says less than a single record, and to read both in turn is no news.
    """
    told = (fact.code, fact.lines, fact.due)
    return fact.signal == last.signal and told in ((last.code, last.lines, last.due), (None, (), None))
