"""The machine of a checkout session: where the patient pays for what is in the cart.

Signals, as `partners` picks them from records of the session, and from the answer that made it:

    checkout:opened  we made it, or had it made
    seen:open        its record says that it can be paid
    seen:expired     its record says that it cannot be paid any more
    seen:paid        its record says that it was paid

Nothing of it has a time ("Fetch checkout session"), so the highest that was heard of is the state: a session
that expired is not paid afterwards, and one that is paid does not expire; if both are said, it was paid.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, DAY, LATE, MOVE, Clock

__all__ = ["CHECKOUT"]

RANK = {
    "checkout:opened": 10,
    "seen:open": 15,
    "seen:expired": 20,
    "seen:paid": 30,
}

TABLE = {
    "open": {
        "checkout:opened": CONFIRM,
        "seen:open": CONFIRM,
        "seen:expired": MOVE("expired"),
        "seen:paid": MOVE("paid"),
    },
    "expired": {
        "checkout:opened": LATE,
        "seen:open": LATE,
        "seen:expired": CONFIRM,
        "seen:paid": MOVE("paid"),
    },
    "paid": {
        "checkout:opened": LATE,
        "seen:open": LATE,
        "seen:expired": LATE,
        "seen:paid": CONFIRM,
    },
}

CHECKOUT = Machine(
    kind="checkout",
    initial="open",
    table=TABLE,
    rank=RANK,
    ladder=("open", "expired", "paid"),
    clocks={
        "open": Clock(2 * DAY, "ours: a patient who means to pay does so soon; the claim waits ten days")
    },
)
