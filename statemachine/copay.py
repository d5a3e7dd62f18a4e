"""The machine of a copay request: what will the patient pay for these prescriptions?

Signals, as `partners` picks them from callbacks:

    copay:triage     COPAY triage: blocked, expected to be resolved; comes again with each new reason
    copay:success    COPAY success: answered. Each prescription has a price or a rejection of its own
    copay:rejected   COPAY error with any code not named below, unknown ones included
    copay:cancelled  COPAY error CUSTOMER_CANCELLATION_REQUEST
    pa:approved      derived: a prior authorization for a prescription of this copay is approved
    seen:*           the record of the request, with the prescriptions as they stand in it

Every success is completed, whatever its lines say: the lines, and the outcome made of them, tell how much was
answered. A success may list some of the prescriptions only: of three that were asked about, the printed one
after an approval lists the one that was approved ("Initiating a Prior Auth from Copay Request"). So the lines
are those of all that was said, of each prescription the latest word; outcome and date are made of them.

Neither a rejection nor a success with rejected lines is the end: a prior authorization may be under way for
it, and seconds after its approval the success comes, whatever the last news was. So a rejected copay may be
triaged, answered, or called off, and a completed one may be taken up again. Only the customer's own
cancellation ends it.

An approval completes nothing: only the copay's own success does. It says that the success is due, so it moves
nothing and brings a date, after which the silence is noticed. The date counts until as many prescriptions
got their price, and only while one is left open: a prescription that has its price waits for nothing.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import (
    AWAIT,
    CONFIRM,
    CONFLICT,
    DAY,
    LATE,
    MINUTE,
    MOVE,
    RENEW,
    SETTLE,
    Clock,
    OutcomeRule,
    Silence,
)

__all__ = ["COPAY"]

# Within one second the less final word is taken first: a triage may still be resolved, a rejection may be
# overcome by an answer and never the other way round, and the customer may call off all of them. An approval
# is the answer to a triage or a rejection and is followed by the success. A snapshot comes after the news
# that it repeats and before what leads on, which it may have been read just before.
RANK = {
    "seen:pending": 5,
    "copay:triage": 10,
    "seen:triage": 15,
    "copay:rejected": 20,
    "seen:rejected": 22,
    "pa:approved": 25,
    "copay:success": 30,
    "seen:completed": 35,
    "copay:cancelled": 40,
    "seen:cancelled": 45,
}

TABLE = {
    "pending": {
        "copay:triage": MOVE("triage"),
        "copay:rejected": MOVE("rejected"),
        "pa:approved": CONFIRM,  # nothing was reported yet, and the answer is due all the same
        "copay:success": MOVE("completed"),
        "copay:cancelled": MOVE("cancelled"),
        "seen:pending": CONFIRM,
        "seen:triage": MOVE("triage"),
        "seen:rejected": MOVE("rejected"),
        "seen:completed": MOVE("completed"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "triage": {
        "copay:triage": CONFIRM,  # another reason for the same wait: `since` stays, the fact is kept
        "copay:rejected": MOVE("rejected"),
        "pa:approved": CONFIRM,  # whatever the triage waited for: now the answer is due
        "copay:success": MOVE("completed"),
        "copay:cancelled": MOVE("cancelled"),
        "seen:pending": CONFIRM,  # not over, as a triage is not; whether it is resolved, other news will say
        "seen:triage": CONFIRM,
        "seen:rejected": MOVE("rejected"),
        "seen:completed": MOVE("completed"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "completed": {
        # A line that was rejected is worked on again, for instance until its prior authorization is there.
        "copay:triage": MOVE("triage"),
        "copay:rejected": CONFLICT,  # prices were given and are denied: what was the patient told?
        "pa:approved": AWAIT,  # a rejected line is due for its price; when all have one, nothing is
        "copay:success": RENEW,  # the latest word on some lines: outcome and date are made of all anew
        "copay:cancelled": MOVE("cancelled"),
        "seen:pending": CONFLICT,
        "seen:triage": MOVE("triage"),
        "seen:rejected": CONFLICT,
        "seen:completed": SETTLE,  # may bring the lines of a success that was lost
        "seen:cancelled": MOVE("cancelled"),
    },
    "rejected": {
        "copay:triage": MOVE("triage"),
        "copay:rejected": RENEW,  # also with another code; the answer, if one was due after an approval
        "pa:approved": CONFIRM,  # what was rejected for want of it: its answer is due
        "copay:success": MOVE("completed"),
        "copay:cancelled": MOVE("cancelled"),  # the customer does not wait for the authorization
        "seen:pending": CONFLICT,
        "seen:triage": MOVE("triage"),
        "seen:rejected": CONFIRM,
        "seen:completed": MOVE("completed"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "cancelled": {
        "copay:triage": CONFLICT,  # somebody works on what was called off
        "copay:rejected": LATE,  # what was asked before the cancellation came to nothing
        "pa:approved": LATE,  # it was asked for before the cancellation, and nothing follows from it
        "copay:success": CONFLICT,  # the insurer may hold a claim open that nobody wants
        "copay:cancelled": CONFIRM,
        "seen:pending": CONFLICT,
        "seen:triage": CONFLICT,
        "seen:rejected": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:cancelled": CONFIRM,
    },
}

COPAY = Machine(
    kind="copay",
    initial="pending",
    table=TABLE,
    rank=RANK,
    # The reference times nothing but the answer after an approval.
    clocks={
        "pending": Clock(
            DAY,
            "ours: the insurer answers a claim at once, the pharmacy runs it the same day",
            Silence(DAY, "no answer: a lost callback, or a dead request"),
        ),
        "triage": Clock(3 * DAY, "ours: a triage should be resolved soon; it may carry a date instead"),
    },
    prompts={
        "pa:approved": Clock(5 * MINUTE, "the copay's answer follows within seconds; ours: some minutes"),
    },
    outcome=OutcomeRule(
        source="copay:success",
        done=frozenset({"completed"}),
        none_in=frozenset({"rejected", "cancelled"}),
        open_in=frozenset({"pending", "triage"}),
        settled_in=frozenset({"completed"}),
        also=frozenset({"seen:completed"}),
        merged=True,
        unsaid=frozenset({"unclear", "triage"}),
    ),
)
