"""The machine of a prescription that lies at the pharmacy.

Signals, as `partners` picks them from NOTIFY_RX and from records of the prescription:

    rx:received      it is there and has a token
    rx:superseded    another one, with a token of its own, took its place
    seen:present     its record is there, and does not say whether it can be filled
    seen:received    the record says that it can be filled
    seen:unfillable  the record says that it cannot be filled any more

Whoever reports a prescription reports that it was received, so that is where it begins, and hearing it again
later says nothing new. Superseded is the end: it is discontinued, which is why it cannot be filled either.
No clock runs: a prescription waits until somebody wants it filled.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, LATE, MOVE

__all__ = ["PRESCRIPTION"]

# Within one second what is received can be found unfillable, and can be superseded all the same. A snapshot
# comes after the news that it repeats and before what leads on, which it may have been read just before.
RANK = {
    "rx:received": 10,
    "seen:present": 12,
    "seen:received": 15,
    "seen:unfillable": 20,
    "rx:superseded": 30,
}

TABLE = {
    "received": {
        "rx:received": CONFIRM,
        "seen:present": CONFIRM,
        "seen:unfillable": MOVE("unfillable"),
        "rx:superseded": MOVE("superseded"),
        "seen:received": CONFIRM,
    },
    "unfillable": {
        "rx:received": LATE,
        "seen:present": CONFIRM,
        "seen:unfillable": CONFIRM,
        "rx:superseded": MOVE("superseded"),
        "seen:received": CONFLICT,  # renewed, or an error? a refill may hang on it
    },
    "superseded": {
        "rx:received": LATE,
        "seen:present": CONFIRM,
        "seen:unfillable": CONFIRM,  # it follows from being superseded
        "rx:superseded": CONFIRM,  # also by yet another one
        "seen:received": CONFLICT,  # a prescription that was replaced should not be filled
    },
}

PRESCRIPTION = Machine(kind="prescription", initial="received", table=TABLE, rank=RANK)
