"""The machine of a transfer: another pharmacy, or a prescriber, is asked for a patient's prescriptions.

Signals, as `partners` picks them from callbacks:

    contact:success     TRANSFER_CONTACT success: the pharmacy or the prescriber was reached
    contact:error       TRANSFER_CONTACT error: an attempt that came to nothing; not yet the transfer's end
    transfer:success    TRANSFER success: prescriptions came over, though single medications may be rejected
    transfer:cancelled  TRANSFER error PATIENT_CANCELLED_RX: the patient called it off
    transfer:rejected   TRANSFER error with any other code, or, as all printed ones, with none
    seen:*              the record of the transfer; it is pending in it until it has ended

A success lists the medications in detail ("Transfer Webhook Events"), the rejected ones among them, and no
further success of a request is described: where one comes, its lines are the transfer's, and none are merged.

The three ends exclude each other, and nothing in the reference leads out of them: a second, different end is
a conflict. A contact that speaks after the end belongs to the way there.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, LATE, MOVE, Clock, OutcomeRule, Silence

__all__ = ["TRANSFER"]

# Within one second an attempt precedes what came of it, and the one that failed precedes the one that reached
# somebody. A success is taken before an error: it names prescriptions that now exist, so that it is the error
# which has to be explained. The two errors share a rank: no text says which comes first. A snapshot comes
# after the news that it repeats and before what leads on, which it may have been read just before.
RANK = {
    "seen:pending": 5,
    "contact:error": 10,
    "contact:success": 20,
    "transfer:success": 30,
    "seen:completed": 35,
    "transfer:cancelled": 40,
    "transfer:rejected": 40,
    "seen:cancelled": 45,
    "seen:rejected": 45,
}

TABLE = {
    "pending": {
        "contact:error": MOVE("contacting"),
        "contact:success": MOVE("contacting"),
        # Nobody hands over a prescription without being asked, and every attempt is reported.
        "transfer:success": MOVE("completed", gap=("contacting",)),
        # No gap: a duplicate is refused, and a patient calls it off, before anybody is asked.
        "transfer:cancelled": MOVE("cancelled"),
        "transfer:rejected": MOVE("rejected"),
        "seen:pending": CONFIRM,
        "seen:completed": MOVE("completed", gap=("contacting",)),
        "seen:cancelled": MOVE("cancelled"),
        "seen:rejected": MOVE("rejected"),
    },
    "contacting": {
        "contact:error": CONFIRM,  # every attempt is a fact; the days of silence count from the first one
        "contact:success": CONFIRM,
        "transfer:success": MOVE("completed"),
        "transfer:cancelled": MOVE("cancelled"),
        "transfer:rejected": MOVE("rejected"),
        "seen:pending": CONFIRM,  # attempts are not in the record
        "seen:completed": MOVE("completed"),
        "seen:cancelled": MOVE("cancelled"),
        "seen:rejected": MOVE("rejected"),
    },
    "completed": {
        "contact:error": LATE,
        "contact:success": LATE,
        "transfer:success": CONFIRM,  # may bring other lines
        "transfer:cancelled": CONFLICT,  # the prescription lies here: does the patient know?
        "transfer:rejected": CONFLICT,
        "seen:pending": CONFLICT,
        "seen:completed": CONFIRM,
        "seen:cancelled": CONFLICT,
        "seen:rejected": CONFLICT,
    },
    "rejected": {
        "contact:error": LATE,
        "contact:success": LATE,
        "transfer:success": CONFLICT,
        "transfer:cancelled": CONFLICT,
        "transfer:rejected": CONFIRM,  # also with another code: it is as rejected as before
        "seen:pending": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:cancelled": CONFLICT,
        "seen:rejected": CONFIRM,
    },
    "cancelled": {
        "contact:error": LATE,
        "contact:success": LATE,
        "transfer:success": CONFLICT,  # came over against the patient's word
        "transfer:cancelled": CONFIRM,
        "transfer:rejected": CONFLICT,
        "seen:pending": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:cancelled": CONFIRM,
        "seen:rejected": CONFLICT,
    },
}

# Said a day before it is too late to call the other pharmacy.
CLOCK = Clock(
    6 * DAY,
    "silence of the pharmacy or the prescriber is a rejection after 6 days",
    Silence(5 * DAY, "no outcome: a lost callback, or a transfer that is rejected after 6 days of silence"),
)

TRANSFER = Machine(
    kind="transfer",
    initial="pending",
    table=TABLE,
    rank=RANK,
    clocks={"pending": CLOCK, "contacting": CLOCK},
    outcome=OutcomeRule(
        source="transfer:success",
        done=frozenset({"transferred"}),
        none_in=frozenset({"rejected", "cancelled"}),
        open_in=frozenset({"pending", "contacting"}),
        settled_in=frozenset({"completed"}),
        also=frozenset({"seen:completed"}),
        unsaid=frozenset({"unclear"}),
    ),
)
