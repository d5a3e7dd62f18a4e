"""Amounts of a copay, as the reference's samples write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.truepill.copay_bodies import dollars


@pytest.mark.parametrize(
    ("amount", "text"), [("21.02", "21.02"), ("1.1", "1.10"), ("10", "10"), ("0", "0"), ("0.05", "0.05")]
)
def test_amounts_are_written_with_cents_only_where_there_are_some(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text
