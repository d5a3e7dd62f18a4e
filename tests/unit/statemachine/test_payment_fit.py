"""What a payment is for: names first, then prices, and never a guess."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.payment_fit import Assigned, Fit, Payment, Target, TargetLine, fit


def line(position: int = 0, **given: Any) -> TargetLine:
    return TargetLine(position, given.pop("token", f"t{position}"), **given)


def fill(key: str, *lines: TargetLine, **given: Any) -> Target:
    return Target("fill_request", key, lines, **given)


def paid(**given: Any) -> Payment:
    return Payment("p1", "paid", **given)


def placed(found: Fit) -> list[tuple[str, int | None, str]]:
    return [(one.target.key, one.line.position if one.line else None, one.basis) for one in found.placed]


def rivals(found: Fit) -> list[tuple[str, int | None]]:
    return [(one.target.key, one.line.position if one.line else None) for one in found.rivals]


RX: dict[str, Any] = {"rx_number": "77"}


def test_the_name_in_its_eid_goes_before_everything() -> None:
    named = fill("a", line(owed=900), named=True, sure=True)
    other = fill("b", line(owed=1000, refill="0", **RX))
    assert placed(fit(paid(price=1000, refill="0", **RX), [named, other])) == [("a", 0, "eid")]


def test_of_several_that_metadata_names_the_rx_number_and_its_refill_decide() -> None:
    found = [fill(key, line(refill=refill, **RX), named=True) for key, refill in (("a", "0"), ("b", "1"))]
    assert placed(fit(paid(refill="1", **RX), found)) == [("b", 0, "rx_number")] or placed(
        fit(paid(refill="1", **RX), found)
    ) == [("b", 0, "eid")]
    both = [fill(key, line(owed=500), named=True) for key in "ab"]
    assert placed(fit(paid(price=500), both)) == []
    assert rivals(fit(paid(price=500), both)) == [("a", None), ("b", None)]


def test_metadata_does_not_outweigh_another_refill_and_a_key_does() -> None:
    other = line(refill="0", owed=1000, **RX)
    payment = paid(refill="1", price=1000, **RX)
    assert placed(fit(payment, [fill("a", other, named=True)])) == []
    assert placed(fit(payment, [fill("a", other, named=True, sure=True)])) == [("a", 0, "eid")]


@pytest.mark.parametrize(
    ("refill", "known", "owed", "fits"),
    [
        ("1", "1", 1, True),  # by its refill, whatever it owes
        ("1", "0", 1000, False),  # another refill, though the price is right
        ("1", None, 1000, True),
        ("1", None, 999, False),
        (None, "1", 1000, True),
        (None, "1", None, False),
    ],
)
def test_an_rx_number_counts_with_its_refill_or_with_the_exact_price(
    refill: str | None, known: str | None, owed: int | None, fits: bool
) -> None:
    found = fit(paid(refill=refill, price=1000, **RX), [fill("a", line(refill=known, owed=owed, **RX))])
    assert bool(found.placed) is fits
    assert not found.rivals


def test_what_is_known_by_its_refill_goes_before_what_only_the_price_speaks_for() -> None:
    sure, perhaps = fill("a", line(refill="1", owed=5, **RX)), fill("b", line(owed=1000, **RX))
    assert placed(fit(paid(refill="1", price=1000, **RX), [perhaps, sure])) == [("a", 0, "rx_number")]


def test_lines_of_one_rx_number_are_told_apart_by_price_and_then_by_quantity() -> None:
    priced = fill("a", line(0, owed=1000, **RX), line(1, owed=500, **RX), named=True, sure=True)
    assert placed(fit(paid(price=500, **RX), [priced])) == [("a", 1, "eid")]
    counted = [line(n, owed=500, quantity=quantity, **RX) for n, quantity in enumerate(("30.000", "90"))]
    known = fill("a", *counted, named=True, sure=True)
    assert placed(fit(paid(price=500, quantity="30", **RX), [known])) == [("a", 0, "eid")]
    assert rivals(fit(paid(price=500, quantity="60", **RX), [known])) == [("a", 0), ("a", 1)]


def test_a_payment_of_all_of_it_is_for_no_single_line() -> None:
    known = fill("a", line(0, owed=500), line(1, owed=700), named=True, sure=True)
    assert placed(fit(paid(price=1200), [known])) == [("a", None, "eid")]


def test_a_copay_and_its_fill_are_both_paid_by_one_payment() -> None:
    copay = Target("copay", "c", (line(owed=1000),), named=True, sure=True)
    assert placed(fit(paid(price=1000, **RX), [copay, fill("a", line(owed=1000, **RX))])) == [
        ("c", 0, "eid"),
        ("a", 0, "prescription"),
    ]


def test_what_carries_an_earlier_request_on_is_no_rival_of_it() -> None:
    first = fill("a", line(owed=1000, **RX))
    second = fill("b", line(owed=1000, **RX), carries=frozenset({"a"}))
    assert placed(fit(paid(price=1000, **RX), [second, first])) == [("a", 0, "prescription")]
    lost = fill("a")  # it came to nothing before it was claimed
    assert placed(fit(paid(price=1000, **RX), [second, lost])) == [("b", 0, "prescription")]


def test_a_person_s_word_goes_before_all_and_means_the_line_and_not_its_place() -> None:
    found = fill("a", line(0, token="y"), line(1, token="x"))
    said = Assigned("fill_request", "a", 0, "x")
    other = fill("b", line(refill="0", **RX), named=True, sure=True)
    assert placed(fit(paid(assigned=said, refill="0", **RX), [other, found])) == [("a", 1, "person")]
    assert fit(paid(assigned=Assigned("fill_request", "gone", None)), [other]) == Fit((), ())


texts = st.sampled_from([None, "1", "2"])
lines = st.builds(
    TargetLine,
    st.integers(0, 2),
    texts,
    texts,
    st.sampled_from([None, "0", "1"]),
    texts,
    st.sampled_from([None, 5]),
)
targets = st.builds(
    Target,
    st.sampled_from(["fill_request", "copay"]),
    st.sampled_from("abc"),
    st.lists(lines, max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.frozensets(st.sampled_from("abc"), max_size=1),
)
payments = st.builds(
    Payment, st.just("p"), st.just("paid"), texts, st.sampled_from([None, "0", "1"]), st.just(5), texts, texts
)


@given(payments, st.lists(targets, max_size=3, unique_by=lambda one: (one.kind, one.key)))
def test_the_order_in_which_they_are_known_means_nothing_and_one_of_a_kind_is_the_most(
    payment: Payment, known: list[Target]
) -> None:
    found = fit(payment, known)
    assert all(fit(payment, order) == found for order in permutations(known))
    kinds = [one.target.kind for one in found.placed]
    assert len(kinds) == len(set(kinds))
    assert not {one.target.kind for one in found.rivals} & set(kinds)
