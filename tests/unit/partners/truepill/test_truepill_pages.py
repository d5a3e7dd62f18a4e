"""Pages of pulled events, from the document to what is stored."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from partners.truepill.pages import Delivery, listing_of, page_of
from tests.support.factories import NotifyRx, OrderSuccess, PriorAuth
from tests.support.printed import CALLBACKS


def page(*rows: Any, next: object = None) -> dict[str, Any]:
    return {"results": list(rows), "next_page_token": next}


def pulled(payload: Any, **delivery: object) -> dict[str, Any]:
    return {"payload": payload, "delivery_data": delivery}


def test_the_printed_pages_are_read() -> None:
    found = page_of(json.loads((CALLBACKS / "page.notify_rx.1.json").read_text()))
    assert found is not None
    assert found.next == "ef14ac4a652141dd"
    assert [event.at for event in found.events] == sorted(event.at or 0 for event in found.events)
    assert {event.delivery for event in found.events} == {Delivery("success", 200)}
    fills = page_of(json.loads((CALLBACKS / "page.fill_request.1.json").read_text()))
    assert fills is not None
    assert fills.next is None
    assert {event.named for event in fills.events} == {False}


def test_a_payload_has_the_same_bytes_in_whatever_order_it_came() -> None:
    payload = dict(NotifyRx())
    turned = dict(reversed(payload.items()))
    found = page_of(page(pulled(payload), pulled(turned)))
    assert found is not None
    assert found.events[0].body == found.events[1].body
    assert orjson.loads(found.events[0].body) == payload


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        ({"status": "error", "status_code": 503}, Delivery("error", 503)),
        ({"status": "Jane Canary", "status_code": 200}, Delivery(None, 200)),
        ({"status": "error", "status_code": "Jane"}, Delivery("error", None)),
        ({"status": None, "status_code": True}, None),
        ({}, None),
    ],
)
def test_of_a_delivery_only_what_is_plain_is_kept(
    delivery: dict[str, object], expected: Delivery | None
) -> None:
    found = page_of(page(pulled(dict(NotifyRx()), **delivery)))
    assert found is not None
    assert found.events[0].delivery == expected


def test_a_copy_is_named_by_its_request_its_consult_or_its_prescription_alone() -> None:
    # Of whose prescription it is, it says, and not which authorization of it.
    nameless = {k: v for k, v in PriorAuth().items() if k != "request_id"}
    assert nameless["details"]["prescription_token"]
    order = {k: v for k, v in OrderSuccess().items() if k != "request_id"}
    found = page_of(
        page(pulled(dict(NotifyRx())), pulled(nameless), pulled(order), pulled(dict(OrderSuccess())))
    )
    assert found is not None
    assert [event.named for event in found.events] == [True, False, False, True]


@pytest.mark.parametrize("callback_type", ["NOTIFY_RX", "CONTACT", "VISIT", "SURPRISE", 7, None])
def test_what_no_requests_events_would_bring_again_is_kept_whatever_it_is_called_by(
    callback_type: object,
) -> None:
    renamed = {"timestamp": 1, "callback_type": callback_type, "details": {"prescriptionToken": "rx1"}}
    found = page_of(page(pulled(renamed)))
    assert found is not None
    assert [event.named for event in found.events] == [True]


def test_what_is_no_event_stands_among_the_results_as_it_is() -> None:
    found = page_of(page("text", {"payload": 7}, {"other": 1}, pulled({"timestamp": "soon"})))
    assert found is not None
    assert [orjson.loads(event.body) for event in found.events] == [
        "text",
        {"payload": 7},
        {"other": 1},
        {"timestamp": "soon"},
    ]
    assert [event.at for event in found.events] == [None] * 4


@pytest.mark.parametrize(
    "document",
    [[], "text", None, {}, {"results": {}}, page(next=7), {"results": None, "next_page_token": None}],
)
def test_a_document_of_another_shape_is_no_page(document: object) -> None:
    assert page_of(document) is None


@pytest.mark.parametrize("last", [None, ""])
def test_the_last_page_has_no_token(last: object) -> None:
    found = page_of(page(next=last))
    assert found is not None
    assert found.next is None


@pytest.mark.parametrize("rows", ["results", "fill_requests", "data"])
def test_a_list_of_fills_tells_when_each_was_made_and_whether_it_prints_its_id(rows: str) -> None:
    made = [
        {"request_id": "fill_request_1", "created_at": "2026-01-01T00:00:00Z"},
        {"url_token": "2", "created_at": "2026-01-01T00:00:01Z"},
        {"request_id": "fill_request_3", "created_at": None},
        "no row",
    ]
    page = listing_of({rows: made, "next_page_token": "t"})
    assert page is not None
    told = [(event.at, event.named) for event in page.events]
    assert told == [(1767225600, True), (1767225601, False), (None, True), (None, False)]
    assert page.next == "t"


@pytest.mark.parametrize("document", [[], None, {"results": {}}, {"results": [], "next_page_token": 1}])
def test_what_is_no_list_of_fills_is_no_page(document: object) -> None:
    assert listing_of(document) is None
