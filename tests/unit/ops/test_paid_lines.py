"""What is told of a line's payment: once, or not at all."""

from __future__ import annotations

import pytest

from ops.paid_lines import Nameless, Payment, lines_of
from partners.truepill.payment_block import PaidLine
from statemachine.balance import LineBalance

CARD = {"payment_id": "pay1", "order_id": "o1", "last4": "0789", "card_type": "visa", "name": "Tablet"}


def test_a_line_has_what_its_payment_tells() -> None:
    lines = [
        LineBalance(0, "rx1", 1700, 1700, 0),
        LineBalance(1, "rx2", 0, 0, 0),
        LineBalance(2, "rx3", None, 0, None),
    ]

    assert lines_of(lines, [Payment(0, CARD), Payment(None, {"payment_id": "other"})]) == (
        PaidLine("rx1", 1700, 1700, 0, "pay1", "0789", "visa", ("Tablet", "payment")),
        PaidLine("rx2", 0, 0, 0),
        PaidLine("rx3", None, 0, 0),
    )


def test_an_order_stands_for_its_payment_where_that_is_not_told() -> None:
    (line,) = lines_of([LineBalance(0, "rx1", 1, 1, 0)], [Payment(0, {"order_id": "o1"})])

    assert line.transaction_id == "o1"


def test_two_payments_of_one_line_that_tell_otherwise_tell_nothing() -> None:
    other = {**CARD, "payment_id": "pay2", "order_id": "o2"}
    (line,) = lines_of([LineBalance(0, "rx1", 1700, 1700, 0)], [Payment(0, CARD), Payment(0, other)])

    assert (line.transaction_id, line.card_last_four) == (None, "0789")


def test_a_line_without_a_token_cannot_be_told_to_the_pharmacy() -> None:
    with pytest.raises(Nameless, match="line 3 has no prescription token"):
        lines_of([LineBalance(3, None, 1, 1, 0)], [])
