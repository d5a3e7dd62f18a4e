"""How the pharmacy's callbacks are written, as far as misbehaving with them goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.callbacks import Callbacks

__all__ = ["CALLBACKS"]

#: Types that the reference does not have.
UNKNOWN_TYPES = ("PHARMACY_NOTE", "RX_REVIEW", "CARRIER_CLAIM")
UNKNOWN_CODE = "T999"
UNKNOWN_SCAN = "HELD_AT_CUSTOMS"


def _type_of(body: Mapping[str, Any]) -> str:
    return str(body["callback_type"])


def _retyped(body: Mapping[str, Any], type: str) -> dict[str, Any]:
    return {**body, "callback_type": type}


def _changed(body: bytes) -> bytes:
    """The same event in other words: a field more, which says nothing about any state."""
    found = orjson.loads(body)
    details = found.get("details")
    (details if isinstance(details, dict) else found)["revision"] = 2
    return orjson.dumps(found)


def _with_unknown_code(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A triage in the second of the success that resolves it, or a scan that tells nothing."""
    if body["callback_type"] == "ORDER" and body.get("status") == "success":
        known = body["details"]
        details = {
            **{name: known[name] for name in ("metadata", "order_token", "patient_token") if name in known},
            "code": UNKNOWN_CODE,
            "description": "Triage: Reason of a later version",
            "message": "Your fill request is in triage.",
            "medications": [
                {"medication_token": line["medication_token"]} for line in known.get("medications", ())
            ],
        }
        return [{**body, "status": "triage", "details": details}]
    if body["callback_type"] == "SHIPMENT":
        details = {**body["details"], "status": UNKNOWN_SCAN, "message": "Held at customs."}
        return [{**body, "details": details}]
    return []


CALLBACKS = Callbacks(_type_of, _retyped, _changed, UNKNOWN_TYPES, _with_unknown_code)
