"""The machine of a coverage request: which insurance does the patient have?

Signals, as `partners` picks them from COVERAGE, of whose errors the message decides:

    coverage:not_checked  it could not be looked up, for instance without a social security number
    coverage:not_found    it was looked up, and there is none
    coverage:found        there is one; the insurances are its lines

The three answers know more and more, so each may follow one that knew less. An answer that knows less says
nothing against one that knew more, except that something found is not there. An answer lists all that was
found ("Coverage Request Webhook Events"), so the insurances are those of the last one, and none are merged.
"""

from __future__ import annotations

from statemachine.kernel import Machine
from statemachine.rules import CONFIRM, CONFLICT, DAY, LATE, MOVE, Clock, Silence

__all__ = ["COVERAGE"]

# Within one second the answer that knows most is the last.
RANK = {
    "coverage:not_checked": 10,
    "coverage:not_found": 20,
    "coverage:found": 30,
}

TABLE = {
    "pending": {
        "coverage:not_checked": MOVE("not_checked"),
        "coverage:not_found": MOVE("not_found"),
        "coverage:found": MOVE("found"),
    },
    "found": {
        "coverage:not_checked": LATE,
        "coverage:not_found": CONFLICT,  # is the insurance that was found good for anything?
        "coverage:found": CONFIRM,  # may bring other insurances
    },
    "not_found": {
        "coverage:not_checked": LATE,
        "coverage:not_found": CONFIRM,
        "coverage:found": MOVE("found"),
    },
    "not_checked": {
        "coverage:not_checked": CONFIRM,
        "coverage:not_found": MOVE("not_found"),
        "coverage:found": MOVE("found"),
    },
}

COVERAGE = Machine(
    kind="coverage",
    initial="pending",
    table=TABLE,
    rank=RANK,
    clocks={
        "pending": Clock(
            DAY,
            "ours: a look-up that a machine makes; no news in a day is none at all",
            Silence(DAY, "no answer: a lost callback"),
        )
    },
)
