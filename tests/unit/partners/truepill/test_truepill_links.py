"""Which names of a body join its entity to others: found wherever they stand, and only if they are names."""

from __future__ import annotations

from typing import Any

import pytest

from partners.reading import DOMAINS
from partners.truepill.callbacks import read
from partners.truepill.links import FIELDS
from tests.support.factories import (
    Consult,
    CopaySuccess,
    FilledMedication,
    NotifyRx,
    OrderError,
    OrderSuccess,
    PricedPrescription,
    Shipment,
    body,
)
from tests.support.reading import keyed, reason, stated


def values(content: dict[str, Any], domain: str) -> list[str]:
    return sorted(value for found, value in stated(content).links if found == domain)


def test_every_field_that_links_has_a_domain_that_is_declared() -> None:
    assert set(FIELDS.values()) | {"order_number"} <= set(DOMAINS)


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"metadata", "rx_number"}))
def test_a_name_is_found_in_each_place_that_a_body_has(field: str) -> None:
    domain = FIELDS[field]
    for details in (
        {field: "na-me.1"},
        {"medications": [{field: "na-me.1"}]},
        {"medications": [{"claims": [{"insurance": {field: "na-me.1"}}]}]},
    ):
        content = Shipment(details={"status": "TRANSIT", **details})
        assert (domain, "na-me.1") in stated(content).links
    assert "na-me.1" in values({**Shipment(), field: "na-me.1"}, domain) or field == "request_id"


@pytest.mark.parametrize(
    "junk", [None, "", " ", "Jane Doe", "a/b", "ä", "a" * 129, True, 1.5, {"a": "b"}, [["a"]], [None, "a b"]]
)
def test_what_is_no_name_links_nothing(junk: object) -> None:
    assert values(Shipment(details={"status": "TRANSIT", "order_token": junk}), "order") == []


def test_a_number_is_a_name_by_its_digits() -> None:
    assert values(Shipment(details__order_token=1234), "order") == ["1234"]


def test_links_are_the_same_whatever_the_order_of_the_body() -> None:
    first, second = FilledMedication(), FilledMedication()
    one = OrderSuccess(details__medications=[first, second, first])
    other = dict(reversed(one.items()))
    other["details"] = {**one["details"], "medications": [second, first]}
    assert stated(one).links == stated(other).links


def test_the_entitys_own_key_is_a_link_in_the_domain_of_its_kind() -> None:
    assert ("request", "r1") in stated(Shipment(request_id="r1")).links
    assert ("consult", "c1") in stated(Consult(consult_id="c1")).links
    assert ("prescription", "p1") in stated(NotifyRx(details__prescription_token="p1")).links
    pulled = {name: value for name, value in Shipment().items() if name != "request_id"}
    assert ("request", "r2") in read(body(pulled), keyed, "r2").stated[0].links


def test_merged_patients_are_names_of_one_patient_in_every_form() -> None:
    content = NotifyRx(
        details__patient_token="p1",
        details__patient_token_duplicates=["p2", "p3"],
        details__merged_patients=["p3", {"patient_token": "p4"}],
    )
    assert values(content, "patient") == ["p1", "p2", "p3", "p4"]


def test_the_insurances_of_claims_are_links_and_so_are_all_tokens_of_a_prescription() -> None:
    content = CopaySuccess(
        details__prescriptions=[
            PricedPrescription(
                prescription_token="rx",
                original_requested_prescription_token="older",
                insurance_token="first",
                claims=[{"insurance_token": "first"}, {"insurance_token": "second"}],
            )
        ]
    )
    assert values(content, "insurance") == ["first", "second"]
    assert values(content, "prescription") == ["older", "rx"]


@pytest.mark.parametrize("field", ["metadata", "rx_number"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" order 12, Jane ", ["order 12, Jane"]),
        ("x" * 3000, ["x" * 3000]),
        (452793000, ["452793000"]),
        ({"b": 1, "a": [2]}, ['{"a":[2],"b":1}']),
        ("", []),
        (None, []),
        (True, []),
    ],
)
def test_metadata_and_rx_numbers_may_be_any_text_and_are_never_cut(
    field: str, value: object, expected: list[str]
) -> None:
    assert values(Shipment(details={"status": "TRANSIT", field: value}), field) == expected


def test_metadata_that_is_an_object_is_one_value_and_is_not_searched() -> None:
    content = Shipment(details__metadata={"patient_token": "p1"})
    assert values(content, "patient") == []


@pytest.mark.parametrize(
    ("code", "message", "numbers"),
    [
        ("R1", "100345", ["100345"]),
        ("r1", 100345, ["100345"]),
        ("R1", "the same as before", []),
        ("R1", None, []),
        ("R2", "100345", []),
        ("R1", " Order number: 100345 ", ["100345"]),
        ("R1", "order #A-17", ["A-17"]),
        ("R1", "No. 17", ["17"]),
        ("R1", "duplicate", []),
        ("R1", "17 orders", []),
        ("R1", "ordered 17", []),
    ],
)
def test_a_duplicate_order_points_at_the_other_ones_number(
    code: str, message: object, numbers: list[str]
) -> None:
    content = OrderError(details__error_code=code, details__message=message)
    assert values(content, "order_number") == numbers


def test_a_body_with_more_names_than_any_callback_is_refused() -> None:
    many = [f"t{n}" for n in range(5001)]
    assert reason(Shipment(details__patient_token_duplicates=many)) == "bad_details"
    assert len(values(Shipment(details__patient_token_duplicates=many[:4000]), "patient")) == 4000


def test_names_nested_deeper_than_any_callback_are_not_looked_for() -> None:
    nested: dict[str, Any] = {"order_token": "deep"}
    for _ in range(10):
        nested = {"inner": [nested]}
    assert values(Shipment(details={"status": "TRANSIT", **nested}), "order") == []
