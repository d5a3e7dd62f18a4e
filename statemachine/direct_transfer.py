"""The machine of a direct transfer: the customer's own pharmacy hands over one prescription.

Signals, as `partners` picks them from DIRECT_TRANSFER and DIRECT_TRANSFER_V2:

    direct_transfer:success  accepted; the prescription that came of it is its line
    direct_transfer:error    refused, for instance as a duplicate
    seen:*                   the record of the direct transfer

One request has one answer. Both answers together are a conflict, whichever is first.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, MOVE, Clock, Silence

__all__ = ["DIRECT_TRANSFER"]

# Within one second the acceptance is taken first: it names a prescription that now exists, so that it is the
# refusal which has to be explained. A snapshot comes after the news that it repeats and before what leads on,
# which it may have been read just before.
RANK = {
    "seen:pending": 5,
    "direct_transfer:success": 10,
    "seen:completed": 15,
    "direct_transfer:error": 20,
    "seen:rejected": 25,
}

TABLE = {
    "pending": {
        "direct_transfer:success": MOVE("completed"),
        "direct_transfer:error": MOVE("rejected"),
        "seen:pending": CONFIRM,
        "seen:completed": MOVE("completed"),
        "seen:rejected": MOVE("rejected"),
    },
    "completed": {
        "direct_transfer:success": CONFIRM,
        "direct_transfer:error": CONFLICT,
        "seen:pending": CONFLICT,
        "seen:completed": CONFIRM,
        "seen:rejected": CONFLICT,
    },
    "rejected": {
        "direct_transfer:success": CONFLICT,
        "direct_transfer:error": CONFIRM,
        "seen:pending": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:rejected": CONFIRM,
    },
}

DIRECT_TRANSFER = Machine(
    kind="direct_transfer",
    initial="pending",
    table=TABLE,
    rank=RANK,
    clocks={
        "pending": Clock(
            3 * DAY,
            "the answer takes 1 to 3 days",
            Silence(3 * DAY, "no answer: a lost callback, or a dead transfer"),
        )
    },
)
