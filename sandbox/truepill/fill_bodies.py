"""The callbacks of a fill request, as printed under "Fill Request Webhook Events" and "Simulated Fill Request
Webhook Events". Pure: from a fill's record to a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.moments import iso, rfc1123
from sandbox.world import Record

__all__ = ["claim", "error", "pulled_order", "shipment", "success", "tracking", "triage"]

Body = dict[str, Any]
TRACKING = {
    "usps": "https://tools.usps.com/go/TrackConfirmAction_input?origTrackNum=",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr=",
    "ups": "https://www.ups.com/track?tracknum=",
}


def _body(fill: Record, timestamp: int, type_: str, status: str, details: Body) -> Body:
    return {
        "request_id": fill.token,
        "timestamp": timestamp,
        "callback_type": type_,
        "status": status,
        "details": {"metadata": fill.document["metadata"], **details},
    }


def success(fill: Record, now: float, medications: Sequence[Body]) -> Body:
    """ORDER success. A simulated one has no date and no place, as printed."""
    known = fill.document
    details: Body = {
        "message": "Your fill request was processed and is pending shipment.",
        "date_filled": "N/A" if known["simulated"] else rfc1123(now),
        "medications": list(medications),
        "order_token": known["order_token"],
    }
    if known["otc_products"]:
        details["otc_products"] = _otc(fill)
    details |= tracking(fill)
    if not known["simulated"]:
        details["location"] = "Hayward, CA"
    return _body(fill, int(now), "ORDER", "success", {**details, "patient_token": fill.owner or None})


def pulled_order(body: Mapping[str, Any], links: Mapping[str, str]) -> Body:
    """The pulled copy of an ORDER success: no id, no status, and each filled medication has its `rx_link`."""
    medications = [
        {**row, "rx_link": links[row["prescription_token"]]} if "prescription_token" in row else row
        for row in body["details"]["medications"]
    ]
    return {
        "timestamp": body["timestamp"],
        "callback_type": "ORDER",
        "details": {**body["details"], "medications": medications},
    }


def error(fill: Record, timestamp: int, code: str, description: str, message: str | None) -> Body:
    """ORDER error. A simulated one names no medications, as printed; one of what was sent its parcel."""
    known = fill.document
    details: Body = {
        "error_code": code,
        "description": description,
        "message": message,
        "order_token": known["order_token"],
    }
    if description != "Simulated Error":
        details["medications"] = [
            {"prescription_token": line["prescription_token"]} for line in known["lines"]
        ]
        if known["otc_products"]:
            details["otc_products"] = _otc(fill)
    if known["shipped"]:
        details |= tracking(fill)
    return _body(fill, timestamp, "ORDER", "error", details)


def triage(fill: Record, timestamp: int, code: str, description: str, information: str | None) -> Body:
    """ORDER triage, as printed under "Triage"."""
    details: Body = {
        "message": "This order has been moved to Triage status",
        "code": code,
        "description": description,
        "additional_information": information,
        "order_token": fill.document["order_token"],
        "medications": [
            {"prescription_token": line["prescription_token"]} for line in fill.document["lines"]
        ],
    }
    return _body(fill, timestamp, "ORDER", "triage", details)


def claim(fill: Record, timestamp: int) -> Body:
    """The Order Claim. Nowhere printed: this is what "Insurance Fulfillment" describes of it."""
    medications = [
        {
            "prescription_token": line["prescription_token"],
            "medication_token": line["medication_token"],
            **{name: value for name, value in line["claim"].items() if value is not None},
        }
        for line in fill.document["lines"]
    ]
    details = {
        "patient_token": fill.owner or None,
        "order_token": fill.document["order_token"],
        "medications": medications,
    }
    return _body(fill, timestamp, "ORDER_CLAIM", "success", details)


def shipment(fill: Record, timestamp: int, status: str, message: str, parcel: int = 0) -> Body:
    """A scan of its parcel, or of the second one."""
    where = tracking(fill, "second_tracking_number" if parcel else "tracking_number")
    details = {"status": status, "message": message, "eta": iso(fill.document["eta"]), **where}
    return _body(fill, timestamp, "SHIPMENT", "error" if status == "FAILURE" else "success", details)


def tracking(fill: Record, name: str = "tracking_number") -> Body:
    """Where the package with this number is, by the carrier of its shipping method."""
    carrier = fill.document["request"]["shipping_method"].partition("_")[0]
    number = fill.document[name]
    return {"tracking_url": TRACKING[carrier] + number, "tracking_number": number, "carrier": carrier}


def _otc(fill: Record) -> list[Body]:
    """As the sample writes them; the name of an item only where it was asked for by that."""
    return [
        {
            **({"item_name": row["item"]} if row.get("item") else {}),
            "sku": row.get("sku"),
            "quantity_ordered": row["quantity"],
        }
        for row in fill.document["otc_products"]
    ]
