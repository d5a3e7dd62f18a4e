"""The status beside a callback's type is an open set: what is none of the known words is not guessed at."""

from __future__ import annotations

from typing import Any

import pytest

from partners.reading import Unreadable
from partners.truepill.callbacks import read
from tests.support.factories import (
    Consult,
    CopayError,
    CopaySuccess,
    CoverageFound,
    DirectTransfer,
    OrderClaim,
    OrderError,
    OrderSuccess,
    PriorAuth,
    Shipment,
    Transfer,
    TransferContact,
    body,
)
from tests.support.reading import keyed, stated

ANSWERS: dict[str, dict[str, Any]] = {
    "ORDER": OrderSuccess(),
    "ORDER, an error": OrderError(),
    "COPAY": CopaySuccess(),
    "COPAY, an error": CopayError(),
    "TRANSFER": Transfer(),
    "TRANSFER_CONTACT": TransferContact(),
    "DIRECT_TRANSFER": DirectTransfer(),
    "COVERAGE": CoverageFound(),
    "ORDER_CLAIM": OrderClaim(),
}
OTHERS: dict[str, dict[str, Any]] = {"PRIOR_AUTH": PriorAuth(), "CONSULT": Consult()}


def refused(content: dict[str, Any]) -> tuple[str, set[str]]:
    """Why it is quarantined, and the words that are counted as news of its type."""
    with pytest.raises(Unreadable) as raised:
        read(body(content), keyed)
    return raised.value.reason, {name for what, _, name in raised.value.unseen if what == "code"}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ("cancelled", "cancelled"),
        ("complete", "complete"),
        ("in progress", "free text"),
        (1, "1"),
        (["x"], "x"),
    ],
)
def test_another_word_is_kept_quarantined_and_counted(name: str, status: object, counted: str) -> None:
    assert refused({**ANSWERS[name], "status": status}) == ("unknown_status", {counted})


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("status", ["paused", "success", "on hold"])
def test_what_is_no_step_of_an_authorization_or_a_consult_is_not_taken_for_one(
    name: str, status: str
) -> None:
    reason, counted = refused({**OTHERS[name], "status": status})
    assert (reason, counted) == ("unknown_status", {status if " " not in status else "free text"})


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("status", ["SUCCESS", " Error "])
def test_a_known_word_is_known_in_any_case(name: str, status: str) -> None:
    assert stated({**ANSWERS[name], "status": status}).fact.signal


def test_a_shipment_is_what_its_details_say_whatever_stands_beside_its_type() -> None:
    one = read(body({**Shipment(), "status": "cancelled"}), keyed)
    assert one.stated[0].fact.signal == stated(Shipment()).fact.signal
    assert ("code", "SHIPMENT", "cancelled") in one.unseen
