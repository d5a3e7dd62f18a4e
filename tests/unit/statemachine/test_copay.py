"""The page of copay requests against an expectation written by hand, and against every order of its facts."""

from __future__ import annotations

from itertools import permutations

import pytest

from statemachine import Fact, current_lines, deadline
from tests.support.grids import START, Cell, Grid, Story, fact

COPAY = Grid(
    "copay",
    {"P": "pending", "T": "triage", "C": "completed", "R": "rejected", "X": "cancelled"},
    """
                     P  T  C  R  X
    seen:pending     =  =  !  !  !
    copay:triage     T  =  T  T  !
    seen:triage      T  =  T  T  !
    copay:rejected   R  R  !  =  ~
    seen:rejected    R  R  !  =  !
    pa:approved      =  =  =  =  ~
    copay:success    C  C  =  C  !
    seen:completed   C  C  =  C  !
    copay:cancelled  X  X  X  X  =
    seen:cancelled   X  X  X  X  =
    """,
)


@pytest.mark.parametrize("cell", COPAY.cells)
def test_each_signal_means_for_a_copay_what_is_expected(cell: Cell) -> None:
    COPAY.check(cell)


def test_the_page_and_the_grid_speak_of_the_same_states_and_signals() -> None:
    COPAY.check_names()


STORIES = {
    "priced": Story([fact(0, "copay:success", "completed", "completed")], "moved", "completed", "full"),
    "one line rejected": Story(
        [fact(0, "copay:success", "completed", "rejected")], "moved", "completed", "partial"
    ),
    "a triage with two reasons": Story(
        [
            fact(0, "copay:triage", code="CT010"),
            fact(5, "copay:triage", code="CT004"),
            fact(9, "copay:success", "completed"),
        ],
        "moved confirmed moved",
        "completed",
        "full",
    ),
    "an authorization after a triage": Story(
        [fact(0, "copay:triage", code="CT003"), fact(9, "copay:success", "completed")],
        "moved moved",
        "completed",
        "full",
    ),
    "an authorization after an error": Story(
        [fact(0, "copay:rejected", code="PA_REQUIRED"), fact(9, "copay:success", "completed")],
        "moved moved",
        "completed",
        "full",
    ),
    "an authorization after a rejected line": Story(
        [
            fact(0, "copay:success", "rejected", told=b"a" * 16),
            fact(9, "copay:success", "completed", told=b"b" * 16),
        ],
        "moved confirmed",
        "completed",
        "full",
    ),
    "everything that may precede an authorization": Story(
        [
            fact(0, "copay:triage", code="CT002"),
            fact(1, "copay:success", "completed", "rejected", told=b"a" * 16),
            fact(2, "copay:triage", code="CT003"),
            fact(3, "copay:rejected", code="PA_REQUIRED"),
            fact(4, "copay:triage", code="CT006"),
            fact(9, "copay:success", "completed", "completed", told=b"b" * 16),
        ],
        "moved moved moved moved moved moved",
        "completed",
        "full",
    ),
    "an approval, and the answer that it promised": Story(
        [
            fact(0, "copay:rejected", code="PA_REQUIRED"),
            fact(5, "pa:approved"),
            fact(9, "copay:success", "completed"),
        ],
        "moved confirmed moved",
        "completed",
        "full",
    ),
    "an approval with nothing before it, and one after the cancellation": Story(
        [
            fact(0, "pa:approved", told=b"a" * 16),
            fact(5, "copay:triage", code="CT003"),
            fact(6, "copay:cancelled", code="CUSTOMER_CANCELLATION_REQUEST"),
            fact(7, "pa:approved", told=b"b" * 16),
        ],
        "confirmed moved moved late",
        "cancelled",
        "none",
    ),
    "called off, and answered all the same": Story(
        [
            fact(0, "copay:triage", code="CT003"),
            fact(5, "copay:cancelled", code="CUSTOMER_CANCELLATION_REQUEST"),
            fact(6, "copay:rejected", code="PA_REQUIRED"),
            fact(7, "copay:triage", code="CT001"),
            fact(8, "copay:success", "completed"),
        ],
        "moved moved late conflict conflict",
        "cancelled",
        "none",
    ),
    "all within one second": Story(
        [
            fact(0, "copay:triage", code="CT003"),
            fact(0, "copay:rejected", code="PA_REQUIRED"),
            fact(0, "copay:success", "completed", told=b"a" * 16),
            fact(0, "copay:success", "completed", "rejected", told=b"b" * 16),
            fact(0, "copay:cancelled", code="CUSTOMER_CANCELLATION_REQUEST"),
        ],
        "moved moved moved confirmed moved",
        "cancelled",
        "none",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_copays_life_gives_one_state_and_one_history(name: str) -> None:
    STORIES[name].check(COPAY.machine)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([fact(0, "copay:triage")], None),
        ([fact(0, "copay:success")], None),
        ([fact(0, "copay:success", "completed")], "full"),
        ([fact(0, "copay:success", "completed", "rejected")], "partial"),
        ([fact(0, "copay:success", "rejected")], "none"),
        ([fact(0, "copay:success", "unclear")], "none"),
        ([fact(0, "copay:rejected")], "none"),
        ([fact(0, "copay:success", "completed"), fact(1, "copay:triage")], None),
        ([fact(0, "copay:success", "completed"), fact(1, "copay:rejected")], "full"),
    ],
)
def test_the_outcome_of_a_copay(facts: list[Fact], outcome: str | None) -> None:
    assert COPAY.machine.fold(facts)[0].outcome == outcome


def test_a_later_success_brings_new_lines() -> None:
    first, later = fact(0, "copay:success", "rejected"), fact(9, "copay:success", "completed", "completed")
    _, steps = COPAY.machine.fold([later, first])
    assert current_lines(COPAY.machine, steps) == later.lines


def test_the_lines_of_an_answer_stay_to_be_seen_while_it_is_worked_on_again() -> None:
    first = fact(0, "copay:success", "completed", "rejected")
    _, steps = COPAY.machine.fold([first, fact(5, "copay:triage", code="CT003")])
    assert current_lines(COPAY.machine, steps) == first.lines


DUE, DATE = START + 400, START + 9 * 86_400


def due(*facts: Fact) -> int | None:
    """What is waited for after these, in any order."""
    (found,) = {COPAY.machine.fold(order)[0].due for order in permutations(facts)}
    return found


APPROVED = fact(5, "pa:approved")._replace(due=DUE)
PART = fact(0, "copay:success", "completed", "rejected", told=b"a" * 16)._replace(due=DATE)
FULL = fact(9, "copay:success", "completed", "completed", told=b"b" * 16)
TRIAGE = fact(0, "copay:triage", code="CT004")._replace(due=DATE)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([APPROVED], DUE),
        ([fact(0, "copay:triage"), APPROVED], DUE),
        ([TRIAGE, APPROVED], DUE),
        ([fact(0, "copay:rejected"), APPROVED], DUE),
        ([PART], DATE),
        ([PART, APPROVED], DUE),
        ([PART, FULL], None),
        ([PART, APPROVED, FULL], None),
        ([FULL._replace(occurred_at=START), APPROVED], None),
        ([fact(0, "copay:triage"), APPROVED, fact(5, "copay:success", "completed")], None),
        ([fact(0, "copay:rejected"), APPROVED, fact(9, "copay:rejected")], None),
        ([fact(0, "copay:triage"), APPROVED, fact(9, "copay:triage", code="CT001")], DUE),
        ([fact(0, "copay:triage"), APPROVED, fact(9, "copay:rejected")], None),
        ([fact(0, "copay:cancelled"), APPROVED], None),
    ],
)
def test_an_approval_is_waited_on_until_the_answer_and_not_where_all_was_answered(
    facts: list[Fact], expected: int | None
) -> None:
    assert due(*facts) == expected


def test_an_approval_before_the_request_was_made_does_not_make_it_late() -> None:
    summary, _ = COPAY.machine.fold([APPROVED])
    day = COPAY.machine.clocks["pending"].seconds
    assert deadline(COPAY.machine, summary, None) == DUE
    assert deadline(COPAY.machine, summary, DUE) == DUE
    assert deadline(COPAY.machine, summary, DUE + 1) == DUE + 1 + day
    moved, _ = COPAY.machine.fold([TRIAGE])
    assert deadline(COPAY.machine, moved, DATE + 1) == DATE
