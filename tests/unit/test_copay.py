"""The page of copay requests against an expectation written by hand, and against every order of its facts."""

from __future__ import annotations

import pytest

from statemachine import Fact, current_lines
from tests.unit.grids import Cell, Grid, Story, fact

COPAY = Grid(
    "copay",
    {"P": "pending", "T": "triage", "C": "completed", "R": "rejected", "X": "cancelled"},
    """
                     P  T  C  R  X
    copay:triage     T  =  T  T  !
    copay:rejected   R  R  !  =  ~
    copay:success    C  C  =  C  !
    copay:cancelled  X  X  X  X  =
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
