"""SHIPMENT callbacks and order claims, and what tells facts of one second apart."""

from __future__ import annotations

import pytest

from partners.truepill.callbacks import read
from statemachine import Line
from tests.support.factories import FilledMedication, OrderClaim, OrderSuccess, OrderTriage, Shipment, body
from tests.support.reading import keyed, reason, stated


@pytest.mark.parametrize(
    ("status", "signal", "code"),
    [
        ("UNKNOWN", "shipment:unknown", None),
        ("PRE_TRANSIT", "shipment:pre_transit", None),
        ("pre-transit", "shipment:pre_transit", None),
        ("Pre Transit", "shipment:pre_transit", None),
        ("TRANSIT", "shipment:transit", None),
        ("delivered", "shipment:delivered", None),
        ("RETURNED", "shipment:returned", None),
        ("FAILURE", "shipment:failure", None),
        ("OUT_FOR_DELIVERY", "shipment:unknown", "OUT_FOR_DELIVERY"),
        (7, "shipment:unknown", "7"),
    ],
)
def test_a_shipment_moves_by_the_status_in_its_details(status: object, signal: str, code: str | None) -> None:
    for outer in ("success", "error", None, "DELIVERED"):
        fact = stated(Shipment(status=outer, details__status=status)).fact
        assert (fact.signal, fact.code, fact.lines) == (signal, code, ())


def test_an_unknown_shipment_status_of_free_text_is_hashed() -> None:
    one = stated(Shipment(details__status="left with Jane Doe"))
    assert one.fact.signal == "shipment:unknown"
    assert one.fact.code == "#" + keyed("code", "left with Jane Doe").hex()[:16]
    assert one.detail["code"] == "left with Jane Doe"


@pytest.mark.parametrize("status", [None, "", "  ", True])
def test_a_shipment_without_a_status_in_its_details_is_refused(status: object) -> None:
    assert reason(Shipment(details__status=status)) == "missing_status"


@pytest.mark.parametrize(
    "name",
    [
        "ORDER_CLAIM",
        "order_claim",
        "Order Claim",
        "order-claim",
        "OrderClaim",
        "ORDER_CLAIMS",
        "Order Claims",
    ],
)
def test_an_order_claim_is_known_by_near_names(name: str) -> None:
    reading = read(body(OrderClaim(callback_type=name)), keyed)
    assert (reading.callback_type, reading.stated[0].fact.signal) == ("ORDER_CLAIM", "claim:owed")


@pytest.mark.parametrize(
    ("medications", "signal", "statuses"),
    [
        ([{"copay_amount": 10}], "claim:owed", ["owed"]),
        ([{"copay_amount": "$1,021.02"}], "claim:owed", ["owed"]),
        ([{"copay_amount": "0.01"}, {"copay_amount": 0}], "claim:owed", ["owed", "covered"]),
        ([{"patient_copay_amount": 5.5}], "claim:owed", ["owed"]),
        ([{"copay_amount": "0"}, {"copay_amount": "$0.00"}], "claim:settled", ["covered", "covered"]),
        ([{"copay_amount": "-3"}, {"copay_amount": "-$3"}], "claim:settled", ["covered", "covered"]),
        ([{"error_code": "75"}], "claim:settled", ["rejected"]),
        ([{"error_code": "75", "copay_amount": None}], "claim:settled", ["rejected"]),
        ([{"error_code": "75"}, {"copay_amount": 1}], "claim:owed", ["rejected", "owed"]),
        ([{"error_code": "75", "copay_amount": 1}], "claim:owed", ["owed"]),
        ([{"copay_amount": "a lot"}, {"copay_amount": 1}], "claim:owed", ["unclear", "owed"]),
    ],
)
def test_a_claim_is_owed_when_any_line_owes(
    medications: list[dict[str, object]], signal: str, statuses: list[str]
) -> None:
    for place in ("medications", "claims"):
        fact = stated(OrderClaim(details={place: medications})).fact
        assert (fact.signal, fact.code, fact.discriminator) == (signal, None, b"")
        assert [line.status for line in fact.lines] == statuses


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"medications": []},
        {"medications": [{"prescription_token": "a"}]},
        {"medications": [{"copay_amount": 0}, {"copay_amount": "a lot"}]},
        {"claims": [{"copay_amount": True}]},
        {"claims": "10"},
    ],
)
def test_that_nothing_is_owed_is_not_read_out_of_what_is_unclear(details: dict[str, object]) -> None:
    assert reason(OrderClaim(details=details)) == "bad_details"


def test_claims_beside_medications_are_read_in_step() -> None:
    details: dict[str, list[dict[str, object]]] = {
        "medications": [{"prescription_token": "7cb7d8ea418d"}, {"prescription_token": "e9549cca9639"}],
        "claims": [
            {"copay_amount": 10},
            {"error_code": "someErrorCode", "error_message": "This is an error"},
        ],
    }
    one = stated(OrderClaim(details=details))
    assert one.fact.lines == (
        Line(0, "7cb7d8ea418d", "owed", None),
        Line(1, "e9549cca9639", "rejected", "someErrorCode"),
    )
    assert one.detail["lines"] == [{"copay_amount": "10"}, {"reason": "This is an error"}]
    unequal = {**details, "medications": details["medications"][:1]}
    assert [line.token for line in stated(OrderClaim(details=unequal)).fact.lines] == [None, None]


def test_a_discriminator_tells_apart_what_is_stated_and_nothing_else() -> None:
    first, second = FilledMedication(), FilledMedication()
    content = OrderSuccess(details__medications=[first, second])
    told = stated(content).fact.discriminator
    assert len(told) == 16

    def changed(**change: object) -> bytes:
        return stated({**content, "details": {**content["details"], **change}}).fact.discriminator

    assert changed(medications=[second, first]) == told
    assert changed(message="other", tracking_number="1", metadata="m", patient_token="p") == told
    assert changed(medications=[first]) != told
    assert changed(medications=[first, {**second, "reject_reason": "Refill too soon"}]) != told
    assert changed(medications=[]) == b""
    assert stated({**content, "request_id": "another"}).fact.discriminator == told


def test_triages_of_one_second_differ_by_their_additional_information() -> None:
    content = OrderTriage(details__additional_information="2020-04-12")
    later = {**content, "details": {**content["details"], "additional_information": "2020-05-01"}}
    assert stated(content).fact != stated(later).fact
    assert stated(OrderTriage(details={"code": "T005"})).fact.discriminator == b""
    assert stated(OrderTriage(details={"additional_information": "x"})).fact.discriminator != b""


def test_scans_of_one_second_differ_by_parcel_and_message() -> None:
    content = Shipment(details__tracking_number=920019)
    told = stated(content).fact.discriminator

    def changed(**change: object) -> bytes:
        return stated({**content, "details": {**content["details"], **change}}).fact.discriminator

    assert changed(tracking_number="920019", eta="later", carrier="ups", metadata="m") == told
    assert len({told, changed(message="other"), changed(tracking_number="1"), changed(message=None)}) == 4
    assert changed(message=None, tracking_number=None) == b""
