"""What HealNow is sent for a checkout, and what its answers say."""

from __future__ import annotations

from typing import Any

import pytest

from partners.healnow.checkouts import (
    Item,
    Session,
    eid_of,
    id_of,
    names_of,
    patient_body,
    prescription_body,
    session_body,
    session_of,
)

ITEM = Item(eid_of("c1", "rx1"), "Carisoprodol 350 Mg Tablet", "Dr Jones", "120143", "1", 1299, 30, 60, True)


def test_the_bodies_have_the_fields_of_the_reference() -> None:
    assert patient_body("p1", "Jane", "Doe", "1979-05-07", "+1111111111", None) == {
        "eid": "p1",
        "first_name": "Jane",
        "last_name": "Doe",
        "dob": "1979-05-07",
        "phone": "+1111111111",
    }
    assert prescription_body(ITEM) == {
        "eid": "c1:rx1",
        "name": "Carisoprodol 350 Mg Tablet",
        "rx_number": "120143",
        "refill_number": "1",
        "price_in_cents": 1299,
        "provider": "Dr Jones",
        "days_supply": 30,
        "qty": 60,
        "is_refill": True,
    }
    assert session_body("p1", ["a", "b"], "https://ok.example", "https://no.example") == {
        "success_url": "https://ok.example",
        "cancel_url": "https://no.example",
        "patient": {"id": "p1"},
        "items": [{"id": "a"}, {"id": "b"}],
    }


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"id": None}, {"id": "a/b"}, {"id": {}}])
def test_an_answer_without_an_id_names_nothing(answer: Any) -> None:
    assert id_of(answer) is None
    assert session_of(answer) is None


def test_a_session_is_read() -> None:
    printed = {"id": "s1", "status": "Paid", "checkout_url": "https://pay.example/s1", "payment": None}
    assert session_of(printed) == Session("s1", "paid", "https://pay.example/s1")
    assert session_of({"id": "s1", "status": None, "checkout_url": " "}) == Session("s1", None, None)


def test_a_prescription_has_the_names_that_lead_to_its_copay() -> None:
    names = names_of(prescription_body(ITEM), {"id": "h1"}, "p1")

    assert {
        ("payment", "h1"),
        ("eid", "c1:rx1"),
        ("request", "c1"),
        ("prescription", "rx1"),
        ("rx_number", "120143"),
    } <= names
