"""Cents: read exactly, added up by line, and never rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.balance import Paying, balance, cents
from statemachine.payment_fit import TargetLine


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("21.02", 2102),
        ("$1,021.02", 102102),
        (10, 1000),
        ("0", 0),
        (".5", 50),
        ("1.100", 110),
        ("-3", -300),
        ("12,50", None),
        ("1.005", None),
        ("a lot", None),
        ("1e3", None),
        ("", None),
        (True, None),
        (None, None),
        (1.5, None),
    ],
)
def test_an_amount_is_whole_cents_or_none(printed: object, found: int | None) -> None:
    assert cents(printed) == found


@given(st.integers(0, 10**9))
def test_what_is_written_with_two_places_is_read_as_it_was_meant(amount: int) -> None:
    assert cents(f"{amount // 100}.{amount % 100:02d}") == amount


lines = st.lists(st.one_of(st.none(), st.integers(0, 5000)), max_size=4)
paid = st.lists(
    st.tuples(st.integers(0, 5000), st.one_of(st.none(), st.integers(0, 5)), st.booleans()), max_size=6
)


@given(lines, paid)
def test_owed_paid_and_open_add_up_by_line_and_in_all(
    owed: list[int | None], given: list[tuple[int, int | None, bool]]
) -> None:
    known = [TargetLine(n, None, owed=amount) for n, amount in enumerate(owed)]
    payments = [Paying(str(n), "paid", size, place, counts) for n, (size, place, counts) in enumerate(given)]
    found = balance(known, payments)
    assert found.paid == sum(size for size, _, counts in given if counts)
    assert found.paid == found.elsewhere + sum(line.paid for line in found.lines)
    assert all(line.open is None or line.owed == line.paid + line.open for line in found.lines)
    if found.owed is not None:
        assert found.open is not None
        assert found.owed == found.paid + found.open == sum(amount or 0 for amount in owed)
    if found.covered:
        assert found.open is not None
        assert found.open <= 0


def test_what_is_unclear_is_not_covered_and_what_is_too_much_is_less_than_nothing() -> None:
    line = TargetLine(0, None, owed=1000)
    assert not balance([TargetLine(0, None)], [Paying("p", "paid", 1000, 0, True)]).covered
    assert not balance([line], [Paying("p", "paid", None, 0, True)]).covered
    assert balance([line], [Paying("p", "paid", 1500, 0, True)]).open == -500
    assert balance([line], [Paying("p", "paid", 1000, None, True)]).covered
