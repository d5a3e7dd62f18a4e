"""A fill's life as its callbacks tell it, for `demo`: made up, with times around now."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Callback", "life"]

#: Seconds before now at which each thing happens.
TRIAGED, FILLED, LABELLED, SCANNED, DELIVERED = 300, 240, 180, 120, 60


class Callback(NamedTuple):
    """One callback to send, and what is worth noticing about it."""

    title: str
    remark: str
    body: dict[str, Any]


def life(request_id: str, now: int) -> list[Callback]:
    """Triage, success and three shipments in the order of sending: one comes twice, one out of order.

    `now` is Unix time in seconds.
    """
    triage = _order(request_id, now - TRIAGED, "triage", TRIAGE)
    success = _order(request_id, now - FILLED, "success", SUCCESS)
    labelled = _shipment(request_id, now - LABELLED, "PRE_TRANSIT", "Label printed, waiting for pick-up")
    scanned = _shipment(request_id, now - SCANNED, "TRANSIT", "Left the sorting centre")
    delivered = _shipment(request_id, now - DELIVERED, "DELIVERED", "Left at the front door")
    return [
        Callback("ORDER triage", "the pharmacy cannot read the address", triage),
        Callback("ORDER success", "one medication filled, one refused", success),
        Callback("SHIPMENT PRE_TRANSIT", "the parcel waits for the carrier", labelled),
        Callback("SHIPMENT DELIVERED", "overtakes the scan that went before it", delivered),
        Callback("SHIPMENT PRE_TRANSIT", "the same callback once more", labelled),
        Callback("SHIPMENT TRANSIT", "comes late: older than the delivery", scanned),
    ]


TRIAGE = {
    "message": "The order waits for somebody to look at it",
    "code": "T001",
    "description": "Address not deliverable",
    "additional_information": None,
    "medications": [{"prescription_token": "demorx0001"}, {"prescription_token": "demorx0002"}],
}
SUCCESS = {
    "message": "The order is packed",
    "medications": [
        {
            "medication_name": "Samplazole 20 mg capsule",
            "dispensed_medication_name": "Samplazole 20 mg capsule",
            "days_supply": 30,
            "quantity": 30,
            "fill_number": "0",
            "rx_number": "100200300",
            "prescription_token": "demorx0001",
            "medication_token": "demomed0001",
            "dispensed_ndc": "0000000001",
        },
        {
            "requested_medication_name": "Placebium 5 mg tablet",
            "reject_reason": "Too early for a refill",
            "prescription_token": "demorx0002",
            "medication_token": "demomed0002",
        },
    ],
    "tracking_number": "DEMO00000000000001",
    "carrier": "usps",
}


def _order(request_id: str, at: int, status: str, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "timestamp": at,
        "callback_type": "ORDER",
        "status": status,
        "details": {"metadata": "rxledger-demo", "order_token": "demo1", **details},
    }


def _shipment(request_id: str, at: int, status: str, message: str) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "timestamp": at,
        "callback_type": "SHIPMENT",
        "status": "success",
        "details": {
            "metadata": "rxledger-demo",
            "status": status,
            "message": message,
            "tracking_number": "DEMO00000000000001",
            "carrier": "usps",
        },
    }
