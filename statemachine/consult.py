"""The machine of a consult: a licensed provider looks at a patient's case.

Signals, as `partners` picks them from CONSULT by its status, and from FILE:

    consult:unassigned  a provider gave it back after accepting it, and another one may take it
    consult:assigned    a provider accepted it
    consult:review      the provider has begun
    consult:issue       the provider ran into a problem
    consult:resolved    the care team solved it; also spelled `resolve`
    consult:completed   done; the completion states are its lines
    consult:rejected    a provider refused it
    consult:cancelled   the customer or the care team called it off
    file:received       FILE: documents of the patient arrived. Says nothing about where the consult stands
    seen:*              a list of consults, which has the status of each; the record of one has none

The documented ways are assigned, review, completed, and assigned, issue, resolved, review, completed; a step
of them that is behind the state is late. `unassigned` starts over from wherever a provider had it, and from a
rejection too, since another provider may decide otherwise. Whoever goes on with a rejected consult took it up
again, also where nobody reported that it was given back. What was completed or cancelled stays so. A snapshot
starts nothing over but a rejection: a consult that is seen back at its beginning is for a person.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, LATE, MOVE, Clock, Silence

__all__ = ["CONSULT"]

# Within one second the steps are taken in the order of the documented ways, as the simulation runs through
# them at once. `unassigned` is first: where a provider gives back and another accepts, the acceptance counts.
# Of the ends the most common is first, so that it is the other one which has to be explained. Files move
# nothing; they are sent in before anybody looks. A snapshot comes after the news that it repeats and before
# what leads on, which it may have been read just before.
RANK = {
    "file:received": 0,
    "consult:unassigned": 10,
    "seen:unassigned": 15,
    "consult:assigned": 20,
    "seen:assigned": 25,
    "consult:issue": 30,
    "seen:issue": 35,
    "consult:resolved": 40,
    "seen:resolved": 45,
    "consult:review": 50,
    "seen:review": 55,
    "consult:completed": 60,
    "seen:completed": 65,
    "consult:rejected": 70,
    "seen:rejected": 75,
    "consult:cancelled": 80,
    "seen:cancelled": 85,
}

TABLE = {
    "unassigned": {
        "file:received": CONFIRM,
        "consult:unassigned": CONFIRM,
        "consult:assigned": MOVE("assigned"),
        "consult:issue": MOVE("issue", gap=("assigned",)),
        "consult:resolved": MOVE("resolved", gap=("assigned", "issue")),
        "consult:review": MOVE("review", gap=("assigned",)),
        "consult:completed": MOVE("completed", gap=("assigned", "review")),
        "consult:rejected": MOVE("rejected"),  # no gap: who refuses need not have accepted before
        "consult:cancelled": MOVE("cancelled"),
        "seen:unassigned": CONFIRM,
        "seen:assigned": MOVE("assigned"),
        "seen:issue": MOVE("issue", gap=("assigned",)),
        "seen:resolved": MOVE("resolved", gap=("assigned", "issue")),
        "seen:review": MOVE("review", gap=("assigned",)),
        "seen:completed": MOVE("completed", gap=("assigned", "review")),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "assigned": {
        "file:received": CONFIRM,
        "consult:unassigned": MOVE("unassigned"),
        "consult:assigned": CONFIRM,
        "consult:issue": MOVE("issue"),
        "consult:resolved": MOVE("resolved", gap=("issue",)),
        "consult:review": MOVE("review"),
        "consult:completed": MOVE("completed", gap=("review",)),
        "consult:rejected": MOVE("rejected"),
        "consult:cancelled": MOVE("cancelled"),
        "seen:unassigned": CONFLICT,  # back at the start: given back, or an old record?
        "seen:assigned": CONFIRM,
        "seen:issue": MOVE("issue"),
        "seen:resolved": MOVE("resolved", gap=("issue",)),
        "seen:review": MOVE("review"),
        "seen:completed": MOVE("completed", gap=("review",)),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "review": {
        "file:received": CONFIRM,
        "consult:unassigned": MOVE("unassigned"),
        "consult:assigned": LATE,
        "consult:issue": MOVE("issue"),
        "consult:resolved": MOVE("resolved", gap=("issue",)),
        "consult:review": CONFIRM,
        "consult:completed": MOVE("completed"),
        "consult:rejected": MOVE("rejected"),
        "consult:cancelled": MOVE("cancelled"),
        "seen:unassigned": CONFLICT,
        "seen:assigned": CONFLICT,
        "seen:issue": MOVE("issue"),
        "seen:resolved": MOVE("resolved", gap=("issue",)),
        "seen:review": CONFIRM,
        "seen:completed": MOVE("completed"),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "issue": {
        "file:received": CONFIRM,
        "consult:unassigned": MOVE("unassigned"),
        "consult:assigned": LATE,
        "consult:issue": CONFIRM,  # one more problem, or the same one again
        "consult:resolved": MOVE("resolved"),
        "consult:review": MOVE("review", gap=("resolved",)),
        "consult:completed": MOVE("completed", gap=("resolved", "review")),
        "consult:rejected": MOVE("rejected"),
        "consult:cancelled": MOVE("cancelled"),
        "seen:unassigned": CONFLICT,
        "seen:assigned": CONFLICT,
        "seen:issue": CONFIRM,
        "seen:resolved": MOVE("resolved"),
        "seen:review": MOVE("review", gap=("resolved",)),
        "seen:completed": MOVE("completed", gap=("resolved", "review")),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "resolved": {
        "file:received": CONFIRM,
        "consult:unassigned": MOVE("unassigned"),
        "consult:assigned": LATE,
        "consult:issue": MOVE("issue"),
        "consult:resolved": CONFIRM,
        "consult:review": MOVE("review"),
        "consult:completed": MOVE("completed", gap=("review",)),
        "consult:rejected": MOVE("rejected"),
        "consult:cancelled": MOVE("cancelled"),
        "seen:unassigned": CONFLICT,
        "seen:assigned": CONFLICT,
        "seen:issue": MOVE("issue"),
        "seen:resolved": CONFIRM,
        "seen:review": MOVE("review"),
        "seen:completed": MOVE("completed", gap=("review",)),
        "seen:rejected": MOVE("rejected"),
        "seen:cancelled": MOVE("cancelled"),
    },
    "completed": {
        "file:received": CONFIRM,
        "consult:unassigned": CONFLICT,  # who completed it did not give it back: is it treated twice?
        "consult:assigned": LATE,
        "consult:issue": LATE,
        "consult:resolved": LATE,
        "consult:review": LATE,
        "consult:completed": CONFIRM,  # may bring other completion states
        "consult:rejected": CONFLICT,
        "consult:cancelled": CONFLICT,  # a prescription may have been written
        "seen:unassigned": CONFLICT,
        "seen:assigned": CONFLICT,
        "seen:issue": CONFLICT,
        "seen:resolved": CONFLICT,
        "seen:review": CONFLICT,
        "seen:completed": CONFIRM,
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFLICT,
    },
    "rejected": {
        "file:received": CONFIRM,
        "consult:unassigned": MOVE("unassigned"),  # offered to another provider
        # A rejection is not the end: the consult was offered again, and another provider went on with it.
        "consult:assigned": MOVE("assigned", gap=("unassigned",)),
        "consult:issue": MOVE("issue", gap=("unassigned", "assigned")),
        "consult:resolved": MOVE("resolved", gap=("unassigned", "assigned", "issue")),
        "consult:review": MOVE("review", gap=("unassigned", "assigned")),
        "consult:completed": MOVE("completed", gap=("unassigned", "assigned", "review")),
        "consult:rejected": CONFIRM,
        "consult:cancelled": MOVE("cancelled"),  # called off instead of being offered again
        "seen:unassigned": MOVE("unassigned"),
        "seen:assigned": MOVE("assigned", gap=("unassigned",)),
        "seen:issue": MOVE("issue", gap=("unassigned", "assigned")),
        "seen:resolved": MOVE("resolved", gap=("unassigned", "assigned", "issue")),
        "seen:review": MOVE("review", gap=("unassigned", "assigned")),
        "seen:completed": MOVE("completed", gap=("unassigned", "assigned", "review")),
        "seen:rejected": CONFIRM,
        "seen:cancelled": MOVE("cancelled"),
    },
    "cancelled": {
        "file:received": CONFIRM,
        "consult:unassigned": LATE,  # the provider is let go
        "consult:assigned": LATE,
        "consult:issue": LATE,
        "consult:resolved": LATE,
        "consult:review": LATE,
        "consult:completed": CONFLICT,  # a prescription may have been written
        "consult:rejected": LATE,
        "consult:cancelled": CONFIRM,
        "seen:unassigned": CONFLICT,
        "seen:assigned": CONFLICT,
        "seen:issue": CONFLICT,
        "seen:resolved": CONFLICT,
        "seen:review": CONFLICT,
        "seen:completed": CONFLICT,
        "seen:rejected": CONFLICT,
        "seen:cancelled": CONFIRM,
    },
}

CONSULT = Machine(
    kind="consult",
    initial="unassigned",
    table=TABLE,
    rank=RANK,
    # The reference speaks of service levels without printing any.
    clocks={
        "unassigned": Clock(
            2 * DAY,
            "ours: a provider is found within a workday or two",
            Silence(2 * DAY, "no provider: a lost callback, or a dead consult"),
        ),
        "assigned": Clock(
            2 * DAY,
            "ours: who accepted it begins within a workday or two",
            Silence(2 * DAY, "not begun: a lost callback, or a dead consult"),
        ),
        "review": Clock(
            DAY,
            "ours: a consult that was begun is finished the same day",
            Silence(DAY, "not finished: a lost callback, or a dead consult"),
        ),
        "issue": Clock(3 * DAY, "ours: the care team has to reach somebody"),
        "resolved": Clock(
            DAY,
            "ours: the provider only has to resume",
            Silence(DAY, "not resumed: a lost callback, or a dead consult"),
        ),
    },
    lines_from={"completed": "consult:completed"},  # files that come afterwards do not hide what came of it
)
