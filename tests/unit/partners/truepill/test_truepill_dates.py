"""The dates that facts carry: which codes promise one, what a date looks like, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from partners.fields import date
from tests.support.factories import (
    CopayError,
    CopaySuccess,
    CopayTriage,
    OrderError,
    OrderSuccess,
    OrderTriage,
    PricedPrescription,
    RefusedPrescription,
    Shipment,
)
from tests.support.reading import stated

APRIL = int(datetime(2020, 4, 12, tzinfo=UTC).timestamp())
START = APRIL - 3 * 86_400


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2020-04-12", APRIL),
        (" 2020-04-12 ", APRIL),
        ("2020-04-12T00:00:00Z", APRIL),
        ("2020-04-12T00:00:00.000Z", APRIL),
        ("2020-04-12 00:00:00.999Z", APRIL),
        ("2020-04-12T00:00", APRIL),
        ("2020-04-12T02:00:00+02:00", APRIL),
        ("2020-04-11T19:00:00-0500", APRIL),
        ("2020-04-12T01:00:00", APRIL + 3600),
        ("2199-12-31T23:59:59Z", 7_258_118_399),
        # Years that stand for "none", or that with their zone leave what a ledger can hold.
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2014-12-31", None),
        ("2200-01-01", None),
        ("2020-02-30", None),
        ("2020-04-12T25:00", None),
        ("20200412", None),
        ("2020-W15-7", None),
        ("04/12/2020", None),
        ("2020-04", None),
        ("on 2020-04-12", None),
        ("2020-04-12 or later", None),
        ("", None),
        (None, None),
        (APRIL, None),
        (["2020-04-12"], None),
    ],
)
def test_a_date_is_iso_8601_and_nothing_else(value: object, seconds: int | None) -> None:
    assert date(value) == seconds


@pytest.mark.parametrize(
    ("content", "due"),
    [
        (OrderTriage(details__code="T005", details__additional_information="2020-04-12"), APRIL),
        (OrderTriage(details__code="t009", details__additional_information="2020-04-12"), APRIL),
        (OrderTriage(details__code="T005", details__additional_information="in April"), None),
        (OrderTriage(details__code="T007", details__additional_information="2020-04-12"), None),
        (OrderError(details__error_code="79", details__message="2020-04-12"), APRIL),
        (OrderError(details__error_code=79, details__message="2020-04-12"), APRIL),
        (OrderError(details__error_code="NR", details__message="2020-04-12"), None),
        (OrderSuccess(details__message="2020-04-12"), None),
        (CopayTriage(details__code="CT004", details__additional_information="2020-04-12"), APRIL),
        (CopayError(details__error_code="PA_REQUIRED", details__message="2020-04-12"), None),
        (Shipment(timestamp=START, details__status="TRANSIT", details__eta="2020-04-12T00:00:00Z"), APRIL),
        (
            Shipment(timestamp=START, details__status="PRE_TRANSIT", details__eta="2020-04-12T00:00:00Z"),
            APRIL,
        ),
        (Shipment(details__status="TRANSIT", details__eta=None), None),
        (Shipment(timestamp=APRIL, details__eta="2020-04-12T00:00:01Z"), APRIL + 1),
        (Shipment(timestamp=APRIL, details__eta="2020-04-12T00:00:00Z"), None),
        (Shipment(timestamp=START, details__status="DELIVERED", details__eta="2020-04-12T00:00:00Z"), None),
        (Shipment(timestamp=START, details__status="FAILURE", details__eta="2020-04-12T00:00:00Z"), None),
    ],
)
def test_a_fact_carries_a_date_where_its_code_or_status_promises_one(
    content: dict[str, Any], due: int | None
) -> None:
    assert stated(content).fact.due == due


def test_a_date_of_birth_is_no_date_to_look_again() -> None:
    triage = CopayTriage(details__code="CT009", details__additional_information="1989-11-23")
    assert stated(triage).fact.due is None


def test_the_first_day_on_which_a_rejected_prescription_can_be_filled_is_the_copays_date() -> None:
    later = RefusedPrescription(next_fill_date="2020-05-10T00:00:00.000Z")
    sooner = RefusedPrescription(next_fill_date="2020-04-12")
    priced = PricedPrescription(next_fill_date="2020-01-01")
    content = CopaySuccess(details__prescriptions=[later, priced, sooner, RefusedPrescription()])
    assert stated(content).fact.due == APRIL
    assert stated(CopaySuccess(details__prescriptions=[priced])).fact.due is None


def test_a_date_is_no_part_of_a_facts_identity() -> None:
    one, other = (
        stated(Shipment(request_id="a", timestamp=START, details__tracking_number="1", details__eta=eta)).fact
        for eta in ("2020-04-12", "2020-04-13")
    )
    assert one[:4] == other[:4]
    assert one.due != other.due
