"""The machine of a prescription that lies at the pharmacy.

Signals, as `partners` picks them from NOTIFY_RX; `rx:unfillable` is for snapshots of the prescription:

    rx:received    it is there and has a token
    rx:unfillable  it is there, and cannot be filled any more
    rx:superseded  another one, with a token of its own, took its place

Whoever reports a prescription reports that it was received, so that is where it begins, and hearing it again
later says nothing new. Superseded is the end: it is discontinued, which is why it cannot be filled either.
No clock runs: a prescription waits until somebody wants it filled.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, LATE, MOVE

__all__ = ["PRESCRIPTION"]

# Within one second what is received can be found unfillable, and can be superseded all the same.
RANK = {
    "rx:received": 10,
    "rx:unfillable": 20,
    "rx:superseded": 30,
}

TABLE = {
    "received": {
        "rx:received": CONFIRM,
        "rx:unfillable": MOVE("unfillable"),
        "rx:superseded": MOVE("superseded"),
    },
    "unfillable": {
        "rx:received": LATE,
        "rx:unfillable": CONFIRM,
        "rx:superseded": MOVE("superseded"),
    },
    "superseded": {
        "rx:received": LATE,
        "rx:unfillable": CONFIRM,  # it follows from being superseded
        "rx:superseded": CONFIRM,  # also by yet another one
    },
}

PRESCRIPTION = Machine(kind="prescription", initial="received", table=TABLE, rank=RANK)
