"""The pages of coverage requests and prescriptions against expectations written by hand."""

from __future__ import annotations

import pytest

from tests.support.grids import Cell, Grid, Story, fact

COVERAGE = Grid(
    "coverage",
    {"P": "pending", "F": "found", "N": "not_found", "C": "not_checked"},
    """
                          P  F  N  C
    coverage:not_checked  C  ~  ~  =
    coverage:not_found    N  !  =  N
    coverage:found        F  =  F  F
    """,
)
PRESCRIPTION = Grid(
    "prescription",
    {"R": "received", "U": "unfillable", "S": "superseded"},
    """
                     R  U  S
    rx:received      =  ~  ~
    seen:present     =  =  =
    seen:received    =  !  !
    seen:unfillable  U  =  =
    rx:superseded    S  S  =
    """,
)


@pytest.mark.parametrize("cell", COVERAGE.cells)
def test_each_signal_means_for_a_coverage_what_is_expected(cell: Cell) -> None:
    COVERAGE.check(cell)


@pytest.mark.parametrize("cell", PRESCRIPTION.cells)
def test_each_signal_means_for_a_prescription_what_is_expected(cell: Cell) -> None:
    PRESCRIPTION.check(cell)


def test_the_pages_and_the_grids_speak_of_the_same_states_and_signals() -> None:
    COVERAGE.check_names()
    PRESCRIPTION.check_names()


COVERAGES = {
    "found": Story([fact(0, "coverage:found", "found", "found")], "moved", "found"),
    "looked up a second time": Story(
        [fact(0, "coverage:not_checked"), fact(5, "coverage:not_found"), fact(9, "coverage:found", "found")],
        "moved moved moved",
        "found",
    ),
    "found, and then not": Story(
        [
            fact(0, "coverage:found"),
            fact(1, "coverage:not_checked"),
            fact(2, "coverage:not_found"),
            fact(3, "coverage:found"),
        ],
        "moved late conflict confirmed",
        "found",
    ),
    "all three answers within one second": Story(
        [fact(0, "coverage:not_checked"), fact(0, "coverage:not_found"), fact(0, "coverage:found")],
        "moved moved moved",
        "found",
    ),
}
PRESCRIPTIONS = {
    "received": Story([fact(0, "rx:received")], "confirmed", "received"),
    "transferred, before and after a pull": Story(
        [
            fact(0, "rx:received"),
            fact(5, "rx:superseded", told=b"a" * 16),
            fact(7, "seen:unfillable"),
            fact(9, "rx:received"),
        ],
        "confirmed moved confirmed late",
        "superseded",
    ),
    "received and superseded within one second": Story(
        [fact(0, "rx:received"), fact(0, "seen:unfillable"), fact(0, "rx:superseded", told=b"a" * 16)],
        "confirmed moved moved",
        "superseded",
    ),
    "the old one is heard of last": Story(
        [fact(5, "rx:superseded", told=b"a" * 16), fact(6, "rx:superseded", told=b"b" * 16)],
        "moved confirmed",
        "superseded",
    ),
}


@pytest.mark.parametrize("name", COVERAGES)
def test_every_order_of_a_coverages_life_gives_one_state_and_one_history(name: str) -> None:
    COVERAGES[name].check(COVERAGE.machine)


@pytest.mark.parametrize("name", PRESCRIPTIONS)
def test_every_order_of_a_prescriptions_life_gives_one_state_and_one_history(name: str) -> None:
    PRESCRIPTIONS[name].check(PRESCRIPTION.machine)
