"""The machine of a fill request: from the request sent to the pharmacy to the parcel in the patient's hands.

Signals, as `partners` picks them from callbacks and derived facts:

    order:success          ORDER success: packed and waiting for the carrier; its lines say what was filled
    order:triage           ORDER triage: blocked, expected to be resolved; comes again with each new reason
    order:rejected         ORDER error with any code not named below, unknown ones included
    order:cancelled        ORDER error R0: cancelled by the customer, whatever medications it names
    order:unpaid           ORDER error R028: the patient did not pay within 10 days of the claim
    order:returned         ORDER error R4: the parcel came back to the sender
    order:transferred_out  ORDER error R5: the prescription went to another pharmacy
    claim:owed             Order Claim on which at least one line owes more than nothing
    claim:settled          Order Claim on which no line owes
    claim:reversed         the record of its claims: what was billed is taken back, so nothing is owed for it
    payment:known          derived: a payment for this fill is known. Whoever derives it dates it no earlier
                           than the claim that it settles, since a claim after a payment waits anew
    payment:stranded       derived: what was paid for this fill is carried on by none, and it came to nothing:
                           the money is to be given back, or the fill to be asked for again
    shipment:*             SHIPMENT by its details.status, whatever its top-level status says
    seen:*                 the record of the request, which follows the order and not the parcel: what is not
                           over is pending or triage in it, and what was packed stays completed; seen:unpaid
                           is an end for R028, which undoes no completion, as an R0 does

Three rules give most of the table. Before completion everything moves, and a shipment proves the completion
that was not heard of (`gap`). Completed can only be undone by R0, R4 and R5. Once the carrier has the parcel,
the order's own news cannot undo it: only the carrier and R4 speak; other errors and a triage are conflicts.

An ORDER error is about the whole order, also an R0 that names some of its medications ("Error Webhook Event
Fields" lists them where they are available). Single medications can be cancelled too, and then the order goes
on ("Cancelling Medications in Fill Request"): its success says of each what became of it. Where one comes
after an R0 all the same, the two contradict each other, and a person decides.

Each ORDER success lists all of the order's medications, those that were not filled among them ("Successful
Fill Request Webhook Event Fields"), so the lines of the last one are the order's, and none are merged.

Dates: a triage for stock or a fill date carries the day it ends, a refill that came too early the day it may
come again, and a scan on the way the carrier's estimate of the arrival.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, LATE, MOVE, Clock, OutcomeRule, Silence, Wait

__all__ = ["FILL_REQUEST"]

# Facts of one second are taken in the order of a fill's life, so that a burst within one second folds as it
# was meant: a claim before the payment that settles it, money before the order's news, a triage before what
# resolves it, a success before an error (R0 and R5 may still undo a completion, while nothing completes what
# was rejected), the order before its parcel, the carrier from the least to the most final word. A failed
# attempt precedes the delivery; R4 is last, since a parcel is scanned before it is reported as back. Errors
# share a rank: nothing in the reference says which of two comes first, so their names decide. A snapshot
# comes after the news that it repeats, so as to confirm it, and before what leads on: a record that was read
# in the second in which something happened may have been read just before. That a payment is left with
# nothing to pay for is last: it follows from all of them.
RANK = {
    "seen:pending": 5,
    "claim:owed": 10,
    "claim:settled": 10,
    "claim:reversed": 15,
    "payment:known": 20,
    "order:triage": 30,
    "seen:triage": 35,
    "order:success": 40,
    "seen:completed": 45,
    "order:cancelled": 50,
    "order:rejected": 50,
    "order:transferred_out": 50,
    "order:unpaid": 50,
    "seen:rejected": 55,
    "seen:cancelled": 55,
    "seen:unpaid": 55,
    "shipment:unknown": 60,
    "shipment:pre_transit": 70,
    "shipment:transit": 80,
    "shipment:failure": 90,
    "shipment:delivered": 100,
    "shipment:returned": 110,
    "order:returned": 120,
    "seen:returned": 125,
    "payment:stranded": 130,
}

TABLE = {
    "pending": {
        "order:success": MOVE("completed"),
        "order:triage": MOVE("triage"),
        "order:rejected": MOVE("rejected"),
        "order:cancelled": MOVE("cancelled"),
        # No gap over awaiting_payment: the fill may have left it for a payment that never got through.
        "order:unpaid": MOVE("cancelled"),
        "order:returned": MOVE("returned", gap=("completed", "in_transit")),
        "order:transferred_out": MOVE("rejected"),
        "claim:owed": MOVE("awaiting_payment"),
        "claim:settled": CONFIRM,
        "claim:reversed": CONFIRM,
        "payment:known": CONFIRM,
        "payment:stranded": CONFIRM,
        "shipment:unknown": CONFIRM,
        # The label exists, so the parcel is packed: this says completed, and no state lies in between.
        "shipment:pre_transit": MOVE("completed"),
        "shipment:transit": MOVE("in_transit", gap=("completed",)),
        "shipment:delivered": MOVE("delivered", gap=("completed", "in_transit")),
        "shipment:returned": MOVE("returned", gap=("completed", "in_transit")),
        "shipment:failure": MOVE("delivery_failed", gap=("completed", "in_transit")),
        "seen:pending": CONFIRM,
        "seen:triage": MOVE("triage"),
        "seen:completed": MOVE("completed"),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
        "seen:unpaid": MOVE("cancelled"),
        "seen:returned": MOVE("returned", gap=("completed", "in_transit")),
    },
    "triage": {
        "order:success": MOVE("completed"),
        "order:triage": CONFIRM,  # another reason for the same wait: `since` stays, the fact is kept
        "order:rejected": MOVE("rejected"),
        "order:cancelled": MOVE("cancelled"),
        "order:unpaid": MOVE("cancelled"),
        "order:returned": MOVE("returned", gap=("completed", "in_transit")),
        "order:transferred_out": MOVE("rejected"),
        "claim:owed": MOVE("awaiting_payment"),  # a claim was run, so the order is being worked on again
        "claim:settled": CONFIRM,  # says nothing about what blocks the order
        "claim:reversed": CONFIRM,
        "payment:known": CONFIRM,
        "payment:stranded": CONFIRM,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": MOVE("completed"),
        "shipment:transit": MOVE("in_transit", gap=("completed",)),
        "shipment:delivered": MOVE("delivered", gap=("completed", "in_transit")),
        "shipment:returned": MOVE("returned", gap=("completed", "in_transit")),
        "shipment:failure": MOVE("delivery_failed", gap=("completed", "in_transit")),
        "seen:pending": CONFIRM,  # the record has no other word for what is not over
        "seen:triage": CONFIRM,
        "seen:completed": MOVE("completed"),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
        "seen:unpaid": MOVE("cancelled"),
        "seen:returned": MOVE("returned", gap=("completed", "in_transit")),
    },
    "awaiting_payment": {
        "order:success": MOVE("completed"),  # the payment went to the pharmacy without our knowing
        "order:triage": MOVE("triage"),
        "order:rejected": MOVE("rejected"),
        "order:cancelled": MOVE("cancelled"),
        "order:unpaid": MOVE("cancelled"),
        "order:returned": MOVE("returned", gap=("completed", "in_transit")),
        "order:transferred_out": MOVE("rejected"),
        "claim:owed": CONFIRM,  # the claim was run again
        "claim:settled": MOVE("pending"),
        # Nothing is owed any more; what becomes of the order, its own news will say.
        "claim:reversed": MOVE("pending"),
        "payment:known": MOVE("pending"),
        "payment:stranded": CONFIRM,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": MOVE("completed"),
        "shipment:transit": MOVE("in_transit", gap=("completed",)),
        "shipment:delivered": MOVE("delivered", gap=("completed", "in_transit")),
        "shipment:returned": MOVE("returned", gap=("completed", "in_transit")),
        "shipment:failure": MOVE("delivery_failed", gap=("completed", "in_transit")),
        "seen:pending": CONFIRM,  # the record has no other word for what is not over
        "seen:triage": MOVE("triage"),
        "seen:completed": MOVE("completed"),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
        "seen:unpaid": MOVE("cancelled"),
        "seen:returned": MOVE("returned", gap=("completed", "in_transit")),
    },
    "completed": {
        "order:success": CONFIRM,  # may bring other lines
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": MOVE("cancelled"),
        "order:unpaid": CONFLICT,  # what was not paid for should not have been packed
        "order:returned": MOVE("returned", gap=("in_transit",)),
        "order:transferred_out": MOVE("rejected"),
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": LATE,
        "payment:known": LATE,
        "payment:stranded": LATE,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": CONFIRM,
        "shipment:transit": MOVE("in_transit"),
        "shipment:delivered": MOVE("delivered", gap=("in_transit",)),
        "shipment:returned": MOVE("returned", gap=("in_transit",)),
        "shipment:failure": MOVE("delivery_failed", gap=("in_transit",)),
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFIRM,
        # Only R5 could: its own callback can be pulled, and then this confirms it.
        "seen:rejected": CONFLICT,
        "seen:cancelled": MOVE("cancelled"),
        "seen:unpaid": CONFLICT,
        "seen:returned": MOVE("returned", gap=("in_transit",)),
    },
    "in_transit": {
        "order:success": LATE,
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": CONFLICT,  # a parcel under way cannot be called back
        "order:unpaid": CONFLICT,
        "order:returned": MOVE("returned"),
        "order:transferred_out": CONFLICT,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": LATE,
        "payment:known": LATE,
        "payment:stranded": LATE,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": LATE,
        "shipment:transit": CONFIRM,  # every scan on the way is one more
        "shipment:delivered": MOVE("delivered"),
        "shipment:returned": MOVE("returned"),
        "shipment:failure": MOVE("delivery_failed"),
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFIRM,  # the record's last word: it does not follow the parcel
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFLICT,
        "seen:unpaid": CONFLICT,
        "seen:returned": MOVE("returned"),
    },
    "delivered": {
        "order:success": LATE,
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": CONFLICT,
        "order:unpaid": CONFLICT,
        "order:returned": MOVE("returned"),  # refused at the door or sent back afterwards
        "order:transferred_out": CONFLICT,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": LATE,
        "payment:known": LATE,
        "payment:stranded": LATE,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": LATE,
        "shipment:transit": LATE,
        "shipment:delivered": CONFIRM,
        "shipment:returned": MOVE("returned"),
        "shipment:failure": CONFLICT,  # the carrier contradicts itself: does the patient have the parcel?
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFIRM,
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFLICT,
        "seen:unpaid": CONFLICT,
        "seen:returned": MOVE("returned"),
    },
    "returned": {
        "order:success": LATE,
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": CONFLICT,
        "order:unpaid": CONFLICT,
        "order:returned": CONFIRM,  # the pharmacy reports what the carrier did, or the other way round
        "order:transferred_out": CONFLICT,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": CONFIRM,  # nobody pays for what came back
        "payment:known": LATE,
        "payment:stranded": LATE,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": LATE,
        "shipment:transit": LATE,  # scans on the way back
        # The parcel's arrival at the pharmacy, or at the patient after all: a person has to look.
        "shipment:delivered": CONFLICT,
        "shipment:returned": CONFIRM,
        "shipment:failure": LATE,  # the failed attempt that the return followed
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFIRM,  # the carrier's return is not in the record
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFLICT,
        "seen:unpaid": CONFLICT,
        "seen:returned": CONFIRM,
    },
    "delivery_failed": {
        "order:success": LATE,
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": CONFLICT,
        "order:unpaid": CONFLICT,
        "order:returned": MOVE("returned"),
        "order:transferred_out": CONFLICT,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": LATE,
        "payment:known": LATE,
        "payment:stranded": LATE,
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": LATE,
        "shipment:transit": MOVE("in_transit"),  # the carrier tries again
        "shipment:delivered": MOVE("delivered"),  # the next attempt needs no scan before it: no gap
        "shipment:returned": MOVE("returned"),
        "shipment:failure": CONFIRM,
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFIRM,
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFLICT,
        "seen:unpaid": CONFLICT,
        "seen:returned": MOVE("returned"),
    },
    "rejected": {
        "order:success": CONFLICT,
        "order:triage": CONFLICT,
        "order:rejected": CONFIRM,  # also with another code: the fill is as rejected as before
        "order:cancelled": CONFLICT,
        "order:unpaid": CONFLICT,
        "order:returned": CONFLICT,
        "order:transferred_out": CONFIRM,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": CONFIRM,
        "payment:known": LATE,  # of what came to nothing: `payment:stranded` says what follows
        "payment:stranded": CONFLICT,  # paid for nothing: a person owes the patient an answer
        "shipment:unknown": CONFIRM,  # states nothing, not even that there is a parcel
        "shipment:pre_transit": CONFLICT,
        "shipment:transit": CONFLICT,
        "shipment:delivered": CONFLICT,
        "shipment:returned": CONFLICT,
        "shipment:failure": CONFLICT,
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:rejected": CONFIRM,
        "seen:cancelled": CONFLICT,
        "seen:unpaid": CONFLICT,
        "seen:returned": CONFLICT,
    },
    "cancelled": {
        "order:success": CONFLICT,
        "order:triage": CONFLICT,
        "order:rejected": CONFLICT,
        "order:cancelled": CONFIRM,
        "order:unpaid": CONFIRM,  # both say cancelled, for two reasons
        "order:returned": CONFLICT,
        "order:transferred_out": CONFLICT,
        "claim:owed": LATE,
        "claim:settled": LATE,
        "claim:reversed": CONFIRM,
        "payment:known": LATE,
        "payment:stranded": CONFLICT,  # what was paid for was reversed
        "shipment:unknown": CONFIRM,
        "shipment:pre_transit": CONFLICT,
        "shipment:transit": CONFLICT,
        "shipment:delivered": CONFLICT,
        "shipment:returned": CONFLICT,
        "shipment:failure": CONFLICT,
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFIRM,
        "seen:unpaid": CONFIRM,
        "seen:returned": CONFLICT,
    },
}

# Only the wait for a payment has a length in the reference; where it has none, the reason is ours.
CLOCKS = {
    "pending": Clock(
        3 * DAY,
        "ours: orders are filled on workdays, so a weekend may pass without news",
        Silence(3 * DAY, "no answer to the order: a lost callback, or a dead order"),
    ),
    "triage": Clock(3 * DAY, "ours: a triage should be resolved soon; it may carry a date instead"),
    "awaiting_payment": Clock(
        10 * DAY,
        "the claim stays open for 10 days, then it is reversed: R028",
        Silence(11 * DAY, "neither filled nor cancelled as unpaid: a lost callback"),
    ),
    "completed": Clock(
        3 * DAY,
        "ours: a packed parcel is scanned within days; silence means a lost scan",
        Silence(3 * DAY, "no shipment: a lost callback, or a parcel that was never handed over"),
    ),
    "in_transit": Clock(
        10 * DAY,
        "ours, where the carrier gives no estimate: the slowest ground service",
        Silence(10 * DAY, "no delivery: a lost callback, or a lost parcel"),
    ),
    "delivery_failed": Clock(
        5 * DAY,
        "ours: by then the carrier has tried again or sends it back",
        Silence(5 * DAY, "neither delivered nor returned: a lost callback, or a lost parcel"),
    ),
}

# The claim stays open through a triage, and another claim does not open it anew.
WAIT = Wait(
    begins="claim:owed",
    ends=frozenset({"claim:settled", "claim:reversed", "payment:known"}),
    within=frozenset({"pending", "triage", "awaiting_payment"}),
    clock=Clock(10 * DAY, "the first claim that owes stays open for 10 days, then it is reversed: R028"),
)

FILL_REQUEST = Machine(
    kind="fill_request",
    initial="pending",
    table=TABLE,
    rank=RANK,
    clocks=CLOCKS,
    wait=WAIT,
    outcome=OutcomeRule(
        source="order:success",
        done=frozenset({"filled"}),
        partly=frozenset({"short"}),
        none_in=frozenset({"rejected", "cancelled"}),
        open_in=frozenset({"pending", "triage", "awaiting_payment"}),
        settled_in=frozenset({"completed", "in_transit", "delivered", "returned", "delivery_failed"}),
    ),
)
