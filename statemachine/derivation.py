"""What one entity means for another: facts that follow from a cause's state, whatever led to it.

A derivation is a pure function of the cause's Summary, so it depends neither on the order in which the facts
of the cause came nor on what was derived before: while the state implies a fact the effects have it, and when
it no longer does they lose it. Effects are the entities that share names with the cause: one of every domain
in `by`.

An effect may be a cause in turn, but never of what it follows from: kinds are ordered, and `in_order` refuses
derivations that lead back to their cause. A payment that ends the wait of a fill (`payment:known`) is another
row here once there is a machine of payments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from statemachine.copay import COPAY
from statemachine.model import Summary

__all__ = ["DERIVATIONS", "Derivation", "Implied", "in_order"]


class Implied(NamedTuple):
    """A fact for each effect, but for what tells its cause from others. Times are seconds of Unix time."""

    occurred_at: int
    signal: str
    due: int | None


class Derivation(NamedTuple):
    """From entities of kind `cause` to those of kind `effect`. `name` stands in the ledger: it never changes.

    `by` are domains of names, the rarest first.
    """

    name: str
    cause: str
    effect: str
    by: tuple[str, ...]
    implies: Callable[[Summary], tuple[Implied, ...]]


def in_order(derivations: Iterable[Derivation]) -> tuple[Derivation, ...]:
    """The derivations as given. Raises ValueError when a kind would follow from itself, over however many."""
    found = tuple(derivations)
    graph: dict[str, set[str]] = {}
    for one in found:
        graph.setdefault(one.effect, set()).add(one.cause)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ValueError(f"a kind follows from itself: {' → '.join(error.args[1])}") from None
    return found


def _approval(cause: Summary) -> tuple[Implied, ...]:
    """The copay's answer comes seconds after its prior authorization was approved.

    Source: the reference, "Initiating a Prior Auth from Copay Request". An approval that was cancelled, or
    contradicted by a decline or an appeal, is none.
    """
    if cause.state != "approved" or cause.since is None or cause.review is not None:
        return ()
    return (Implied(cause.since, "pa:approved", cause.since + COPAY.prompts["pa:approved"].seconds),)


DERIVATIONS = in_order(
    [
        # A copay tells nothing of the authorizations that it started: they meet in these three tokens.
        Derivation(
            "copay_after_approval",
            cause="prior_auth",
            effect="copay",
            by=("prescription", "insurance", "patient"),
            implies=_approval,
        ),
    ]
)
