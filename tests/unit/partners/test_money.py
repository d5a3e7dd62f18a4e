"""Money is whole cents, or not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.money import cents_of, dollars


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        ("21.02", 2102),
        ("$87.49", 8749),
        ("$1,021.02", 102102),
        ("0", 0),
        ("0.00", 0),
        (" 17 ", 1700),
        ("17.", 1700),
        (".5", 50),
        ("17.500", 1750),
        (10, 1000),
        (17.0, 1700),
        (8.51, 851),
        (0.07, 7),
        (1.1, 110),
    ],
)
def test_an_amount_is_its_cents(value: object, cents: int) -> None:
    assert cents_of(value) == cents


@pytest.mark.parametrize(
    "value",
    ["", "N/A", "-1.00", "1.005", "1,02", "1.2.3", ".", "$", -1, True, None, [], 1e-7, float("nan"), 10**12],
)
def test_what_is_no_amount_in_whole_cents_is_not_known(value: object) -> None:
    assert cents_of(value) is None


@given(st.integers(0, 10**10 - 1))
def test_cents_become_dollars_and_cents_again(cents: int) -> None:
    text = dollars(cents)

    assert text.split(".")[1].isdigit()
    assert len(text.split(".")[1]) == 2
    assert cents_of(text) == (cents if cents < 10**11 else None)
