"""What each webhook says of a payment, and where that leaves it: a payment is a prescription in a cart.

Nothing carries a time, so no order of news can be told from their content: of all that was said the greatest
holds. Cancelled is above paid, paid above removed, removed above pending.
"""

from __future__ import annotations

from sandbox.healnow.assumed import CANCELLED, EVENT, MANUALLY_CANCELLED, MOTO, PAID, PENDING, REMOVED
from sandbox.truth import Json, Said

__all__ = ["KINDS", "RANKS", "SIGNALS", "STATES", "offered", "said", "state_after"]

KINDS = frozenset({"payment", "checkout"})
#: By the status behind the type's colons, in either spelling.
SIGNALS = {
    PENDING: "payment:pending",
    PAID: "payment:paid",
    MOTO: "payment:moto",
    REMOVED: "payment:removed",
    CANCELLED: "payment:cancelled",
    MANUALLY_CANCELLED: "payment:cancelled",
    "cancelled": "payment:cancelled",
    "manually_cancelled": "payment:cancelled",
}
STATES = {
    "payment:pending": "pending",
    "payment:paid": "paid",
    "payment:moto": "paid",
    "payment:removed": "removed",
    "payment:cancelled": "cancelled",
}
RANKS = ("pending", "removed", "paid", "cancelled")


def said(kind: str, key: str, type: str, body: Json) -> list[Said]:
    """What a webhook says. Nothing when its type is unknown."""
    signal = SIGNALS.get(type.removeprefix(EVENT)) if type.startswith(EVENT) else None
    return [Said(kind, key, signal)] if signal else []


def state_after(state: str | None, said: Said, idle: bool = False) -> str:
    """The greater of the two. `idle` changes nothing."""
    before = state or RANKS[0]
    if idle:
        return before
    return max(before, STATES.get(said.signal, before), key=RANKS.index)


def offered(
    kind: str, key: str, type: str, body: Json, live_contract: bool, *, whole: bool = False
) -> list[str]:
    """No surface gives a webhook again: records tell the state alone."""
    return []
