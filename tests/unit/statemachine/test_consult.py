"""The page of consults against an expectation written by hand, and against every order of its facts."""

from __future__ import annotations

import pytest

from statemachine import Line, current_lines
from tests.support.grids import START, Cell, Grid, Story, fact

CONSULT = Grid(
    "consult",
    {
        "U": "unassigned",
        "A": "assigned",
        "V": "review",
        "I": "issue",
        "S": "resolved",
        "C": "completed",
        "R": "rejected",
        "X": "cancelled",
    },
    """
                        U     A    V    I     S    C  R  X
    file:received       =     =    =    =     =    =  =  =
    consult:unassigned  =     U    U    U     U    !  U  ~
    seen:unassigned     =     !    !    !     !    !  U  !
    consult:assigned    A     =    ~    ~     ~    ~  A:U  ~
    seen:assigned       A     =    !    !     !    !  A:U  !
    consult:issue       I:A   I    I    =     I    ~  I:UA  ~
    seen:issue          I:A   I    I    =     I    !  I:UA  !
    consult:resolved    S:AI  S:I  S:I  S     =    ~  S:UAI  ~
    seen:resolved       S:AI  S:I  S:I  S     =    !  S:UAI  !
    consult:review      V:A   V    =    V:S   V    ~  V:UA  ~
    seen:review         V:A   V    =    V:S   V    !  V:UA  !
    consult:completed   C:AV  C:V  C    C:SV  C:V  =  C:UAV  !
    seen:completed      C:AV  C:V  C    C:SV  C:V  =  C:UAV  !
    consult:rejected    R     R    R    R     R    !  =  ~
    seen:rejected       R     R    R    R     R    !  =  !
    consult:cancelled   X     X    X    X     X    !  X  =
    seen:cancelled      X     X    X    X     X    !  X  =
    """,
)


@pytest.mark.parametrize("cell", CONSULT.cells)
def test_each_signal_means_for_a_consult_what_is_expected(cell: Cell) -> None:
    CONSULT.check(cell)


def test_the_page_and_the_grid_speak_of_the_same_states_and_signals() -> None:
    CONSULT.check_names()


STORIES = {
    "completed": Story(
        [
            fact(0, "file:received", "UPLOADED"),
            fact(0, "consult:assigned"),
            fact(5, "consult:review"),
            fact(9, "consult:completed", "rx_prescribed"),
        ],
        "confirmed moved moved moved",
        "completed",
    ),
    "an issue on the way": Story(
        [
            fact(0, "consult:assigned"),
            fact(1, "consult:issue"),
            fact(2, "consult:resolved"),
            fact(3, "consult:review"),
            fact(4, "consult:completed", "rx_prescribed"),
        ],
        "moved moved moved moved moved",
        "completed",
    ),
    "the simulated issue, all within one second": Story(
        [
            fact(0, "consult:unassigned"),
            fact(0, "consult:assigned"),
            fact(0, "consult:issue"),
            fact(0, "consult:resolved"),
            fact(0, "consult:review"),
            fact(0, "consult:completed"),
        ],
        "confirmed moved moved moved moved moved",
        "completed",
    ),
    "given back, and taken by another provider": Story(
        [
            fact(0, "consult:assigned"),
            fact(1, "consult:review"),
            fact(2, "consult:unassigned"),
            fact(3, "consult:assigned"),
            fact(4, "consult:review"),
            fact(5, "consult:completed", "advice_other"),
            fact(6, "file:received", "UPLOADED"),
        ],
        "moved moved moved moved moved moved confirmed",
        "completed",
    ),
    "rejected, offered again, and called off": Story(
        [
            fact(0, "consult:assigned"),
            fact(1, "consult:rejected"),
            fact(2, "consult:unassigned"),
            fact(3, "consult:rejected"),
            fact(4, "consult:cancelled"),
            fact(5, "consult:unassigned"),
        ],
        "moved moved moved moved moved late",
        "cancelled",
    ),
    "the printed ones, as if they were of one consult": Story(
        [
            fact(0, "consult:assigned"),
            fact(0, "consult:review"),
            fact(0, "consult:completed"),
            fact(0, "consult:rejected"),
        ],
        "moved moved moved conflict",
        "completed",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_consults_life_gives_one_state_and_one_history(name: str) -> None:
    STORIES[name].check(CONSULT.machine)


def test_files_that_come_after_the_end_do_not_hide_what_came_of_it() -> None:
    done = fact(5, "consult:completed", "rx_prescribed")
    sent = fact(9, "file:received", "UPLOADED")
    _, steps = CONSULT.machine.fold([fact(0, "consult:assigned"), done, sent])
    assert current_lines(CONSULT.machine, steps) == done.lines
    assert current_lines(CONSULT.machine, CONSULT.machine.fold([sent])[1]) == (
        Line(0, "rx0", "UPLOADED", None),
    )


def test_the_start_of_a_consult_that_was_given_back_is_when_it_was() -> None:
    summary, _ = CONSULT.machine.fold([fact(0, "consult:assigned"), fact(7, "consult:unassigned")])
    assert (summary.state, summary.since, summary.by) == ("unassigned", START + 7, "consult:unassigned")
