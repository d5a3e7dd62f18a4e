"""When news of an entity is overdue: the clocks of its machine's page, and the dates that its facts carry."""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.model import Summary

__all__ = ["deadline"]


def deadline(machine: Machine, summary: Summary, registered_at: int | None) -> int | None:
    """When news of an entity is overdue, in seconds of Unix time; None where no clock runs.

    A date that a fact carries comes before the clock of the state. The clock runs since the last move, or
    since `registered_at` where there was none; what only confirms does not wind it up again. An entity that
    was neither moved nor registered, such as a prior authorization of which only `new` was heard, has its
    clock since the last word of it. What was due before a request was made, and has moved nothing, is not
    about this request. A wait that runs ends no later for any of them.
    """
    own = _of_state(machine, summary, registered_at)
    if machine.wait is None or summary.waiting_since is None or summary.state not in machine.wait.within:
        return own
    end = summary.waiting_since + machine.wait.clock.seconds
    return end if own is None else min(own, end)


def _of_state(machine: Machine, summary: Summary, registered_at: int | None) -> int | None:
    if summary.due is not None:
        stale = registered_at is not None and summary.due < registered_at
        if summary.since is not None or not stale:
            return summary.due
    clock = machine.clocks.get(summary.state)
    known = (summary.since, registered_at, summary.last_at)
    start = next((at for at in known if at is not None), None)
    return None if clock is None or start is None else start + clock.seconds
