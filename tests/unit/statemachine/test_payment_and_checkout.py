"""The pages of payments and checkouts against expectations written by hand, and in every order of arrival.

Nothing of them has a time, so that the order of their facts is that of arrival, and any may be the true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest

from statemachine import MACHINES, Fact, Machine, Verdict, deadline
from tests.support.grids import START, Cell, Grid, fact

DAY = 86_400

PAYMENT = Grid(
    "payment",
    {"N": "pending", "R": "removed", "P": "paid", "X": "cancelled"},
    """
                        N  R  P  X
    payment:pending     =  ~  ~  ~
    seen:pending        =  ~  ~  ~
    payment:removed     R  =  ~  ~
    seen:removed        R  =  ~  ~
    payment:paid        P  P  =  ~
    payment:moto        P  P  =  ~
    seen:paid           P  P  =  ~
    payment:cancelled   X  X  X  =
    seen:cancelled      X  X  X  =
    payment:assigned    =  =  =  =
    payment:unassigned  =  =  =  =
    payment:refunded    =  =  =  =
    payment:ambiguous   !  !  !  !
    """,
)
CHECKOUT = Grid(
    "checkout",
    {"O": "open", "E": "expired", "P": "paid"},
    """
                     O  E  P
    checkout:opened  =  ~  ~
    seen:open        =  ~  ~
    seen:expired     E  =  ~
    seen:paid        P  P  =
    """,
)


@pytest.mark.parametrize("cell", PAYMENT.cells)
def test_each_signal_means_for_a_payment_what_is_expected(cell: Cell) -> None:
    PAYMENT.check(cell)


@pytest.mark.parametrize("cell", CHECKOUT.cells)
def test_each_signal_means_for_a_checkout_what_is_expected(cell: Cell) -> None:
    CHECKOUT.check(cell)


def test_the_pages_and_the_grids_speak_of_the_same_states_and_signals() -> None:
    PAYMENT.check_names()
    CHECKOUT.check_names()


def arrived(signals: Sequence[str]) -> list[Fact]:
    """One a minute, dated by when it came."""
    return [fact(60 * place, signal) for place, signal in enumerate(signals)]


def ends(machine: Machine, signals: Sequence[str]) -> set[tuple[str, bool]]:
    """Where an entity stands whatever the order in which these arrive, and whether it is under review."""
    summaries = [machine.fold(arrived(order))[0] for order in permutations(signals)]
    return {(summary.state, summary.review is not None) for summary in summaries}


# Up to seven of a payment's, and where they lead.
LIVES = {
    "paid at once": (("payment:pending", "seen:pending", "payment:paid", "seen:paid"), "paid"),
    "taken out of the cart": (
        ("payment:pending", "seen:pending", "payment:removed", "seen:removed"),
        "removed",
    ),
    "taken out, put back and paid": (
        ("payment:pending", "seen:pending", "payment:removed", "seen:removed", "payment:paid", "seen:paid"),
        "paid",
    ),
    "paid by phone": (("payment:pending", "seen:pending", "payment:moto", "payment:paid"), "paid"),
    "paid and called off": (
        (
            "payment:pending",
            "seen:pending",
            "payment:removed",
            "payment:paid",
            "seen:paid",
            "payment:cancelled",
            "seen:cancelled",
        ),
        "cancelled",
    ),
    "called off, and the money given back": (
        ("payment:pending", "seen:pending", "payment:paid", "payment:cancelled", "payment:refunded"),
        "cancelled",
    ),
    "given to a fill, and taken back": (
        ("payment:pending", "payment:paid", "seen:paid", "payment:assigned", "payment:unassigned"),
        "paid",
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_every_order_of_a_payments_news_gives_one_state(name: str) -> None:
    signals, state = LIVES[name]
    assert ends(PAYMENT.machine, signals) == {(state, False)}


def test_a_payment_that_fits_two_is_under_review_whatever_came_when() -> None:
    signals = ("payment:pending", "seen:pending", "payment:paid", "seen:paid", "payment:ambiguous")
    assert ends(PAYMENT.machine, signals) == {("paid", True)}


def test_every_order_of_a_checkouts_news_gives_one_state() -> None:
    opened = ("checkout:opened", "seen:open")
    assert ends(CHECKOUT.machine, opened) == {("open", False)}
    assert ends(CHECKOUT.machine, (*opened, "seen:expired")) == {("expired", False)}
    assert ends(CHECKOUT.machine, (*opened, "seen:expired", "seen:paid")) == {("paid", False)}


@pytest.mark.parametrize("machine", [PAYMENT.machine, CHECKOUT.machine], ids=["payment", "checkout"])
def test_the_highest_state_that_was_heard_of_is_the_state(machine: Machine) -> None:
    """Of any two or three signals, in any order: no later one leads down."""
    place = machine.ladder.index
    for count in (2, 3):
        for told in permutations(machine.rank, count):
            heard = [machine.fold([fact(0, signal)])[0].state for signal in told]
            assert machine.fold(arrived(told))[0].state == max(heard, key=place)


def test_what_comes_within_one_second_is_taken_up_the_ladder() -> None:
    for machine in (PAYMENT.machine, CHECKOUT.machine):
        _, steps = machine.fold([fact(0, signal) for signal in machine.rank])
        assert Verdict.LATE not in {step.verdict for step in steps}


def test_a_ladder_is_for_machines_whose_news_has_no_time() -> None:
    assert {kind for kind, machine in MACHINES.items() if machine.ladder} == {"payment", "checkout"}


def test_a_checkout_is_looked_after_while_it_can_be_paid() -> None:
    opened, _ = CHECKOUT.machine.fold([fact(0, "checkout:opened")])
    assert deadline(CHECKOUT.machine, opened, None) == START + 2 * DAY
    paid, _ = CHECKOUT.machine.fold([fact(0, "checkout:opened"), fact(9, "seen:paid")])
    assert deadline(CHECKOUT.machine, paid, None) is None
