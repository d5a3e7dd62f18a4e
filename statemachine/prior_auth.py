"""The machine of a prior authorization: will the payer cover this prescription?

Signals, as `partners` picks them from PRIOR_AUTH by its status:

    pa:new        created, and waiting for the provider
    pa:submitted  before the payer
    pa:pending    before the payer: the reference defines both words alike, and a flow may use either or both
    pa:approved   the payer covers it
    pa:declined   the payer does not; an appeal may follow
    pa:appealed   declined and asked again: the payer decides anew
    pa:cancelled  called off

`submitted` and `pending` may come in either order, so each moves to the other and the state is the partner's
last word. A jump over both counts as one over `submitted`. A decision may be appealed once it is against the
patient; an approval can only be called off.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, LATE, MOVE, Clock, Silence

__all__ = ["PRIOR_AUTH"]

# Within one second a PA is taken through its life: it is handed in before it pends, and a refusal is the one
# that was appealed, so that the approval which answers the appeal is the last word but for a cancellation.
RANK = {
    "pa:new": 10,
    "pa:submitted": 20,
    "pa:pending": 30,
    "pa:declined": 40,
    "pa:appealed": 50,
    "pa:approved": 60,
    "pa:cancelled": 70,
}

TABLE = {
    "new": {
        "pa:new": CONFIRM,
        "pa:submitted": MOVE("submitted"),
        "pa:pending": MOVE("pending"),
        "pa:declined": MOVE("declined", gap=("submitted",)),
        "pa:appealed": MOVE("appealed", gap=("submitted", "declined")),
        "pa:approved": MOVE("approved", gap=("submitted",)),
        "pa:cancelled": MOVE("cancelled"),
    },
    "submitted": {
        "pa:new": LATE,
        "pa:submitted": CONFIRM,
        "pa:pending": MOVE("pending"),
        "pa:declined": MOVE("declined"),
        "pa:appealed": MOVE("appealed", gap=("declined",)),
        "pa:approved": MOVE("approved"),
        "pa:cancelled": MOVE("cancelled"),
    },
    "pending": {
        "pa:new": LATE,
        "pa:submitted": MOVE("submitted"),
        "pa:pending": CONFIRM,
        "pa:declined": MOVE("declined"),
        "pa:appealed": MOVE("appealed", gap=("declined",)),
        "pa:approved": MOVE("approved"),
        "pa:cancelled": MOVE("cancelled"),
    },
    "approved": {
        "pa:new": LATE,
        "pa:submitted": LATE,
        "pa:pending": LATE,
        "pa:declined": CONFLICT,  # the payer contradicts itself: is the patient covered?
        "pa:appealed": CONFLICT,  # nobody appeals an approval: what was decided?
        "pa:approved": CONFIRM,
        "pa:cancelled": MOVE("cancelled"),  # the approval is not used
    },
    "declined": {
        "pa:new": LATE,
        "pa:submitted": LATE,  # handed in before the decision; a second attempt is called an appeal
        "pa:pending": LATE,
        "pa:declined": CONFIRM,
        "pa:appealed": MOVE("appealed"),
        "pa:approved": MOVE("approved", gap=("appealed",)),
        "pa:cancelled": MOVE("cancelled"),
    },
    "appealed": {
        "pa:new": LATE,
        "pa:submitted": CONFIRM,  # the appeal itself lies before the payer: no other wait than this one
        "pa:pending": CONFIRM,
        "pa:declined": MOVE("declined"),  # declined again; and may be appealed again
        "pa:appealed": CONFIRM,
        "pa:approved": MOVE("approved"),
        "pa:cancelled": MOVE("cancelled"),
    },
    "cancelled": {
        "pa:new": LATE,
        "pa:submitted": LATE,
        "pa:pending": LATE,
        "pa:declined": LATE,  # the payer's answer to what was called off, and nothing follows from it
        "pa:appealed": CONFLICT,  # somebody fights for what was called off
        "pa:approved": CONFLICT,  # the copay's answer follows within seconds, and nobody waits for it
        "pa:cancelled": CONFIRM,
    },
}

DECISION = Clock(
    7 * DAY,
    "ours: a payer's standard time for a decision",
    Silence(7 * DAY, "no decision: a lost callback, or a payer who forgot it"),
)

PRIOR_AUTH = Machine(
    kind="prior_auth",
    initial="new",
    table=TABLE,
    rank=RANK,
    # The reference sets no clock. Payers are bound to about a week for a decision and a month for an appeal.
    clocks={
        "new": Clock(3 * DAY, "ours: the provider has a form to fill in, and forgets it"),
        "submitted": DECISION,
        "pending": DECISION,
        "appealed": Clock(
            30 * DAY,
            "ours: a payer's standard time for an appeal",
            Silence(30 * DAY, "no decision on the appeal: a lost callback, or a payer who forgot it"),
        ),
    },
)
