"""The page of prior authorizations against an expectation written by hand, and every order of its facts."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.support.grids import Cell, Grid, Story, fact

PRIOR_AUTH = Grid(
    "prior_auth",
    {
        "N": "new",
        "S": "submitted",
        "P": "pending",
        "A": "approved",
        "D": "declined",
        "L": "appealed",
        "X": "cancelled",
    },
    """
                  N     S    P    A  D    L  X
    pa:new        =     ~    ~    ~  ~    ~  ~
    pa:submitted  S     =    S    ~  ~    =  ~
    pa:pending    P     P    =    ~  ~    =  ~
    pa:declined   D:S   D    D    !  =    D  ~
    pa:appealed   L:SD  L:D  L:D  !  L    =  !
    pa:approved   A:S   A    A    =  A:L  A  !
    pa:cancelled  X     X    X    X  X    X  =
    """,
)


@pytest.mark.parametrize("cell", PRIOR_AUTH.cells)
def test_each_signal_means_for_an_authorization_what_is_expected(cell: Cell) -> None:
    PRIOR_AUTH.check(cell)


def test_the_page_and_the_grid_speak_of_the_same_states_and_signals() -> None:
    PRIOR_AUTH.check_names()


STORIES = {
    "as printed, all within one second": Story(
        [fact(0, "pa:new"), fact(0, "pa:pending"), fact(0, "pa:approved")],
        "confirmed moved moved",
        "approved",
    ),
    "traditional, with both words for waiting": Story(
        [
            fact(0, "pa:new"),
            fact(10, "pa:submitted"),
            fact(20, "pa:pending"),
            fact(30, "pa:approved"),
        ],
        "confirmed moved moved moved",
        "approved",
    ),
    "declined, appealed and approved": Story(
        [
            fact(0, "pa:new"),
            fact(10, "pa:pending"),
            fact(20, "pa:submitted"),
            fact(30, "pa:declined"),
            fact(40, "pa:appealed"),
            fact(45, "pa:pending"),
            fact(50, "pa:approved"),
        ],
        "confirmed moved moved moved moved confirmed moved",
        "approved",
    ),
    "declined again, and given up": Story(
        [
            fact(0, "pa:submitted"),
            fact(30, "pa:declined"),
            fact(40, "pa:appealed"),
            fact(50, "pa:declined"),
            fact(60, "pa:appealed"),
            fact(70, "pa:cancelled"),
            fact(80, "pa:declined"),
        ],
        "moved moved moved moved moved moved late",
        "cancelled",
    ),
    "called off, and approved all the same": Story(
        [fact(0, "pa:new"), fact(5, "pa:cancelled"), fact(9, "pa:approved"), fact(10, "pa:pending")],
        "confirmed moved conflict late",
        "cancelled",
    ),
    "everything within one second": Story(
        [
            fact(0, "pa:new"),
            fact(0, "pa:submitted"),
            fact(0, "pa:pending"),
            fact(0, "pa:declined"),
            fact(0, "pa:appealed"),
            fact(0, "pa:approved"),
            fact(0, "pa:cancelled"),
        ],
        "confirmed moved moved moved moved moved moved",
        "cancelled",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_an_authorizations_life_gives_one_state_and_one_history(name: str) -> None:
    STORIES[name].check(PRIOR_AUTH.machine)


def test_submitted_and_pending_come_in_either_order_and_the_last_word_is_the_state() -> None:
    for first, second in permutations(("pa:submitted", "pa:pending")):
        summary, _ = PRIOR_AUTH.machine.fold([fact(9, second), fact(0, "pa:new"), fact(5, first)])
        assert (f"pa:{summary.state}", summary.review) == (second, None)
