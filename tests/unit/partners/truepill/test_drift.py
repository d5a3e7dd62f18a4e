"""Drift: what a callback holds that the reference does not speak of, told by name and never by value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from partners.drift import MAX_FOUND, Unseen
from partners.truepill import callbacks
from partners.truepill.contract import SHAPES
from partners.truepill.drift import unseen
from tests.support.factories import (
    Consult,
    CopayError,
    CopaySuccess,
    CopayTriage,
    NotifyRx,
    OrderClaim,
    OrderError,
    OrderSuccess,
    OrderTriage,
    PricedPrescription,
    Shipment,
    Transfer,
    TransferContact,
    TransferError,
)
from tests.support.printed import CALLBACKS

# A simulated error: its code is a sentence that the request made up.
FREE_TEXT = {"order.error.4.json": (Unseen("code", "ORDER", "free text"),)}


def of(content: dict[str, Any]) -> tuple[Unseen, ...]:
    return unseen(content["callback_type"], content)


@pytest.mark.parametrize("path", sorted(CALLBACKS.glob("*.json")), ids=lambda path: path.stem)
def test_no_printed_callback_drifts(path: Path) -> None:
    printed = orjson.loads(path.read_bytes())
    bodies = [each["payload"] for each in printed["results"]] if "results" in printed else [printed]
    for body in bodies:
        assert of(body) == unseen(None, body) == FREE_TEXT.get(path.name, ())


@pytest.mark.parametrize(
    "content",
    [
        Consult(),
        CopayError(),
        CopaySuccess(),
        CopayTriage(),
        NotifyRx(),
        OrderClaim(),
        OrderError(),
        OrderSuccess(),
        OrderTriage(),
        Shipment(),
        Transfer(),
        TransferContact(),
    ],
    ids=lambda content: content["callback_type"],
)
def test_what_the_tables_of_fields_say_does_not_drift(content: dict[str, Any]) -> None:
    assert of(content) == ()


def test_fields_that_only_the_tables_name_are_known() -> None:
    order = OrderSuccess()
    order["details"]["medications"][0] |= {"patient_copay_amount": 5, "error_code": "R3"}
    order["details"]["otc_products"] = [{"item_name": "Soap", "sku": "1", "quantity_requested": 1}]
    copay = CopayError(details__error_code="PA_REQUIRED")
    copay["details"]["reject_reason_other"] = "no"

    assert of(order) == of(copay) == ()


def test_every_type_that_is_read_is_known() -> None:
    names = set(callbacks._TYPES.values())

    assert [unseen(None, {"callback_type": name, "details": None}) for name in sorted(names)] == [()] * len(
        names
    )
    assert set(SHAPES) == set(callbacks._READERS)


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("VACCINATION", "VACCINATION"),
        ("Jane Doe, 1 Main St", "?"),
        ("X" * 41, "?"),
        (7, "?"),
        (["ORDER"], "?"),
    ],
)
def test_an_unknown_type_drifts_by_its_name_alone(stated: object, name: str) -> None:
    assert unseen(None, {"callback_type": stated, "news": {"a": 1}}) == (Unseen("type", name, name),)


def test_a_known_type_is_known_however_it_is_spelled() -> None:
    assert unseen(None, {**Shipment(), "callback_type": "shipment "}) == ()
    assert unseen(None, {"callback_type": "order-claims", "request_id": "r"}) == ()


def test_a_body_that_says_no_type_is_not_judged() -> None:
    assert unseen(None, {"results": []}) == unseen(None, {"callback_type": None}) == ()


def test_unknown_fields_drift_by_their_path() -> None:
    order = OrderSuccess(priority=1)
    order["details"]["warehouse"] = {"city": "Hayward"}
    for medication in order["details"]["medications"]:
        medication["lot"] = "A1"
        medication["remaining_refills"]["expires"] = None

    assert of(order) == (
        Unseen("field", "ORDER", "priority"),
        Unseen("field", "ORDER", "details.warehouse"),
        Unseen("field", "ORDER", "details.medications[].lot"),
        Unseen("field", "ORDER", "details.medications[].remaining_refills.expires"),
    )


def test_only_four_parts_deep_are_looked_at() -> None:
    copay = CopaySuccess(
        details__prescriptions=[PricedPrescription(claims=[{"new": 1, "insurance": {"x": 1}}])]
    )

    assert of(copay) == (Unseen("field", "COPAY", "details.prescriptions[].claims[].new"),)


def test_a_name_that_is_not_plain_is_not_told() -> None:
    assert of({**Shipment(), "Jane Doe": 1, "jane@example.com": 2}) == (Unseen("field", "SHIPMENT", "?"),)


def test_an_object_that_is_keyed_by_data_does_not_fill_the_report() -> None:
    order = OrderSuccess()
    order["details"] |= {f"patient_{n}": n for n in range(21)}
    assert of(order) == (Unseen("field", "ORDER", "details.?"),)

    order = OrderSuccess(details__medications=[{f"field_{n}": n} for n in range(400)])
    assert len(of(order)) == MAX_FOUND


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (OrderError(details__error_code="R777"), "R777"),
        (OrderError(details__error_code=99), "99"),
        (OrderError(details__error_code="Jane called"), "free text"),
        (OrderError(details__error_code={"code": "R0"}), "free text"),
        (OrderTriage(details__code="T999"), "T999"),
        (OrderSuccess(details__medications=[{"error_code": "R777"}]), "R777"),
        (Shipment(details__status="LOST"), "LOST"),
        (OrderClaim(details__medications=[{"prescription_token": "a", "error_code": "88"}]), "88"),
        (TransferError(details__error_code="RX_LOST"), "RX_LOST"),
        (TransferContact(details__error_code="NO_PHONE"), "NO_PHONE"),
        (CopayError(details__error_code="NEW_REASON"), "NEW_REASON"),
        (CopayTriage(details__code="CT099"), "CT099"),
        (CopaySuccess(details__prescriptions=[PricedPrescription(error_code="NEW_REASON")]), "NEW_REASON"),
        (Consult(status="completed", details__state=["rx_prescribed", "advice_new"]), "advice_new"),
    ],
)
def test_an_unknown_code_drifts(content: dict[str, Any], name: str) -> None:
    assert of(content) == (Unseen("code", content["callback_type"], name),)


@pytest.mark.parametrize(
    "content",
    [
        OrderError(details__error_code="nr "),
        OrderError(details__error_code=12),
        OrderError(details__error_code=None),
        OrderTriage(details__code="", details__additional_information="2030-01-01"),
        TransferError(details__error_code="rx_expired"),
        CopaySuccess(details__prescriptions=[PricedPrescription(error_code="Refill too soon")]),
        CopaySuccess(details__prescriptions=[PricedPrescription(claim_reject_codes=["70", {"code": "M4"}])]),
    ],
)
def test_a_known_code_does_not_drift_however_it_is_spelled(content: dict[str, Any]) -> None:
    assert of(content) == ()


def test_values_never_appear() -> None:
    secret = "Jane_Doe_1969"
    order = OrderSuccess(priority=secret, details__date_filled=secret)
    order["details"] |= {"warehouse": {secret: secret}, "notes": [secret]}
    order["details"]["medications"].append({"lot": secret, "reject_reason": secret})

    assert secret not in json.dumps(of(order))
    assert len(of(order)) == 4


@pytest.mark.parametrize(
    "details", [None, [], "text", 7, {"medications": {}}, {"medications": [None, 1, [[]]]}]
)
def test_details_of_any_shape_are_no_trouble(details: object) -> None:
    assert of({**OrderSuccess(), "details": details}) == ()
