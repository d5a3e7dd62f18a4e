"""The pages of transfers and direct transfers against expectations written by hand."""

from __future__ import annotations

import pytest

from statemachine import Fact, current_lines
from tests.support.grids import Cell, Grid, Story, fact

TRANSFER = Grid(
    "transfer",
    {"P": "pending", "C": "contacting", "D": "completed", "R": "rejected", "X": "cancelled"},
    """
                        P    C  D  R  X
    seen:pending        =    =  !  !  !
    contact:error       C    =  ~  ~  ~
    contact:success     C    =  ~  ~  ~
    transfer:success    D:C  D  =  !  !
    seen:completed      D:C  D  =  !  !
    transfer:cancelled  X    X  !  !  =
    transfer:rejected   R    R  !  =  !
    seen:cancelled      X    X  !  !  =
    seen:rejected       R    R  !  =  !
    """,
)
DIRECT = Grid(
    "direct_transfer",
    {"P": "pending", "D": "completed", "R": "rejected"},
    """
                             P  D  R
    seen:pending             =  !  !
    direct_transfer:success  D  =  !
    seen:completed           D  =  !
    direct_transfer:error    R  !  =
    seen:rejected            R  !  =
    """,
)


@pytest.mark.parametrize("cell", TRANSFER.cells)
def test_each_signal_means_for_a_transfer_what_is_expected(cell: Cell) -> None:
    TRANSFER.check(cell)


@pytest.mark.parametrize("cell", DIRECT.cells)
def test_each_signal_means_for_a_direct_transfer_what_is_expected(cell: Cell) -> None:
    DIRECT.check(cell)


def test_the_pages_and_the_grids_speak_of_the_same_states_and_signals() -> None:
    TRANSFER.check_names()
    DIRECT.check_names()


STORIES = {
    "two pharmacies called, and both prescriptions come over": Story(
        [
            fact(0, "contact:error", code="PHARMACY_NO_RESPONSE", told=b"a" * 16),
            fact(0, "contact:success", told=b"a" * 16),
            fact(60, "contact:success", told=b"b" * 16),
            fact(90, "transfer:success", "transferred", "transferred"),
        ],
        "moved confirmed confirmed moved",
        "completed",
        "full",
    ),
    "in part, and one medication follows": Story(
        [
            fact(0, "contact:success"),
            fact(60, "transfer:success", "transferred", "rejected", told=b"a" * 16),
            fact(90, "transfer:success", "transferred", "transferred", told=b"b" * 16),
            fact(91, "contact:error"),
        ],
        "moved moved confirmed late",
        "completed",
        "full",
    ),
    "silence, and a rejection after six days": Story(
        [
            *(fact(day * 86_400, "contact:success", told=bytes([day]) * 16) for day in range(6)),
            fact(6 * 86_400, "transfer:rejected", code="PHARMACY_NO_RESPONSE"),
        ],
        "moved confirmed confirmed confirmed confirmed confirmed moved",
        "rejected",
        "none",
    ),
    "a simulated one, without any contact": Story(
        [fact(0, "transfer:success", "transferred", "rejected")], "moved", "completed", "partial"
    ),
    "called off by the patient, and brought over all the same": Story(
        [
            fact(0, "transfer:cancelled", code="PATIENT_CANCELLED_RX"),
            fact(5, "contact:success"),
            fact(9, "transfer:success", "transferred"),
        ],
        "moved late conflict",
        "cancelled",
        "none",
    ),
    "all within one second": Story(
        [
            fact(0, "contact:error"),
            fact(0, "contact:success"),
            fact(0, "transfer:success", "transferred"),
            fact(0, "transfer:rejected", code="TRANSFER_OTHER_REASON"),
        ],
        "moved confirmed moved conflict",
        "completed",
        "full",
    ),
}
DIRECT_STORIES = {
    "accepted": Story([fact(0, "direct_transfer:success", "transferred")], "moved", "completed"),
    "refused, twice": Story(
        [fact(0, "direct_transfer:error"), fact(5, "direct_transfer:error", code="duplicate")],
        "moved confirmed",
        "rejected",
    ),
    "accepted and refused within one second": Story(
        [fact(0, "direct_transfer:success"), fact(0, "direct_transfer:error")], "moved conflict", "completed"
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_transfers_life_gives_one_state_and_one_history(name: str) -> None:
    STORIES[name].check(TRANSFER.machine)


@pytest.mark.parametrize("name", DIRECT_STORIES)
def test_every_order_of_a_direct_transfers_life_gives_one_state_and_one_history(name: str) -> None:
    DIRECT_STORIES[name].check(DIRECT.machine)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([fact(0, "contact:success")], None),
        ([fact(0, "transfer:success")], None),
        ([fact(0, "transfer:success", "transferred")], "full"),
        ([fact(0, "transfer:success", "transferred", "rejected")], "partial"),
        ([fact(0, "transfer:success", "rejected")], "none"),
        ([fact(0, "transfer:rejected")], "none"),
        ([fact(0, "transfer:rejected"), fact(1, "transfer:success", "transferred")], "none"),
    ],
)
def test_the_outcome_of_a_transfer(facts: list[Fact], outcome: str | None) -> None:
    assert TRANSFER.machine.fold(facts)[0].outcome == outcome


def test_a_direct_transfer_has_lines_and_no_outcome() -> None:
    success = fact(0, "direct_transfer:success", "transferred")
    summary, steps = DIRECT.machine.fold([success])
    assert (summary.outcome, current_lines(DIRECT.machine, steps)) == (None, success.lines)
