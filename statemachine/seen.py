"""Snapshots among facts: which of them say anything new.

A snapshot is what the partner's own record said when it was asked. It is asked again and again, and a record
without a time of its own is dated by the request, so one that stands still would fill the history. Therefore
of snapshots in a row only the first is a fact of the history.

What counts as a row is decided in effective order and by the facts alone, so that the history stays a
function of their set: when other news turns up between two equal snapshots, the second one counts after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statemachine.rules import SEEN

if TYPE_CHECKING:
    from statemachine.kernel import Fact

__all__ = ["adds_nothing", "is_seen"]


def is_seen(signal: str) -> bool:
    """Whether a signal is a snapshot's."""
    return signal.startswith(SEEN)


def adds_nothing(fact: Fact, last: Fact) -> bool:
    """Whether a snapshot says nothing beside the one that is the last entry of the history.

    That is: the same state, and no other code, lines or date than that one, or none at all. A page of a list
    says less than a single record, and to read both in turn is no news.
    """
    told = (fact.code, fact.lines, fact.due)
    return fact.signal == last.signal and told in ((last.code, last.lines, last.due), (None, (), None))
