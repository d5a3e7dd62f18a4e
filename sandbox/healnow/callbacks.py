"""How webhooks are written, as far as misbehaving with them goes: names drift, and there is no time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.callbacks import Callbacks

__all__ = ["CALLBACKS", "renamed"]

UNKNOWN_TYPES = ("prescription::reviewed", "order::archived", "patient::merged")
#: Names that integrators have met for the same thing.
OTHER_NAMES = {
    "eid": "external_id",
    "rx_number": "rxNumber",
    "order_id": "orderId",
    "amount_in_cents": "amountInCents",
}
#: The two spellings of one word.
SPELLINGS = {
    "prescription::canceled": "prescription::cancelled",
    "prescription::manually_canceled": "prescription::manually_cancelled",
}


def renamed(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same under other names: it states what it stated."""
    data = {OTHER_NAMES.get(name, name): value for name, value in body["data"].items()}
    return {"type": SPELLINGS.get(body["type"], body["type"]), "data": data}


def _changed(body: bytes) -> bytes:
    """The names of the other generation; where the body has those, a field that says nothing."""
    found = orjson.loads(body)
    other = renamed(found)
    return orjson.dumps(other if other != found else {**found, "revision": 2})


def _type_of(body: Mapping[str, Any]) -> str:
    return str(body["type"])


def _retyped(body: Mapping[str, Any], type: str) -> dict[str, Any]:
    return {**body, "type": type}


CALLBACKS = Callbacks(_type_of, _retyped, _changed, UNKNOWN_TYPES)
