"""The machine of a payment: what one prescription costs at the partner that takes the patient's money.

Signals, as `partners` picks them from callbacks and records, and as people give them:

    payment:pending    it is in the patient's cart
    payment:removed    it was taken out of the cart
    payment:paid       the patient has paid
    payment:moto       the card was taken by phone or mail: paid as well
    payment:cancelled  called off, by the patient or by hand
    payment:refunded   a person says that the money was given back
    payment:assigned   a person says what it is for; its detail names that
    payment:unassigned a person takes that back
    payment:ambiguous  derived: two or more fit what it may be for, and nothing says which
    seen:*             the record of it, or of its order

Nothing that this partner sends has a time, so its news is dated by when it was first received, and comes in
any order. So the states are a ladder, and whatever comes, the highest that was heard of is the state:
pending, then removed (what is taken out of a cart can be put back and paid), then paid, then cancelled (what
was paid can be called off; what was called off is not paid afterwards). What is behind the state is late, a
record's word too: a record that was read before the payment may come after it. A payment that is wanted back
is not a state: what was given back stays what it was, with a fact that says so.

Where two fits are equal a person chooses, so `payment:ambiguous` is a conflict in every state.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, LATE, MOVE, Rule

__all__ = ["PAYMENT"]

#: From the lowest to the highest.
LADDER = ("pending", "removed", "paid", "cancelled")
#: What says each of them.
SAID_BY = {
    "pending": ("seen:pending", "payment:pending"),
    "removed": ("seen:removed", "payment:removed"),
    "paid": ("seen:paid", "payment:paid", "payment:moto"),
    "cancelled": ("seen:cancelled", "payment:cancelled"),
}

# In the order of the ladder, so that what comes within one second needs no later look; a person's word and
# what is derived come last, since they are about what is known by then.
RANK = {
    "payment:pending": 10,
    "seen:pending": 12,
    "payment:removed": 20,
    "seen:removed": 22,
    "payment:paid": 30,
    "payment:moto": 30,
    "seen:paid": 32,
    "payment:cancelled": 40,
    "seen:cancelled": 42,
    "payment:assigned": 50,
    "payment:unassigned": 52,
    "payment:refunded": 54,
    "payment:ambiguous": 60,
}


def _row(state: str) -> dict[str, Rule]:
    """Higher moves, the same confirms, lower is late; people's words confirm, and two fits are a conflict."""
    place = LADDER.index(state)
    row = dict.fromkeys(RANK, CONFIRM)
    for number, named in enumerate(LADDER):
        rule = CONFIRM if number == place else MOVE(named) if number > place else LATE
        row |= dict.fromkeys(SAID_BY[named], rule)
    return row | {"payment:ambiguous": CONFLICT}


PAYMENT = Machine(
    kind="payment",
    initial="pending",
    table={state: _row(state) for state in LADDER},
    rank=RANK,
    ladder=LADDER,
)
