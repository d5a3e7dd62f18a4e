"""The machine of a direct transfer: the customer's own pharmacy hands over one prescription.

Signals, as `partners` picks them from DIRECT_TRANSFER and DIRECT_TRANSFER_V2:

    direct_transfer:success  accepted; the prescription that came of it is its line
    direct_transfer:error    refused, for instance as a duplicate

One request has one answer. Both answers together are a conflict, whichever is first.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, MOVE, Clock

__all__ = ["DIRECT_TRANSFER"]

# Within one second the acceptance is taken first: it names a prescription that now exists, so that it is the
# refusal which has to be explained.
RANK = {
    "direct_transfer:success": 10,
    "direct_transfer:error": 20,
}

TABLE = {
    "pending": {
        "direct_transfer:success": MOVE("completed"),
        "direct_transfer:error": MOVE("rejected"),
    },
    "completed": {
        "direct_transfer:success": CONFIRM,
        "direct_transfer:error": CONFLICT,
    },
    "rejected": {
        "direct_transfer:success": CONFLICT,
        "direct_transfer:error": CONFIRM,
    },
}

DIRECT_TRANSFER = Machine(
    kind="direct_transfer",
    initial="pending",
    table=TABLE,
    rank=RANK,
    clocks={"pending": Clock(3 * DAY, "the answer takes 1 to 3 days")},
)
