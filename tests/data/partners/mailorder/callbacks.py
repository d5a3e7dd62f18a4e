"""Mailorder's callbacks to facts: pure. One says how an order stands, and not since when."""

from __future__ import annotations

from partners.drift import Shape, unseen_in
from partners.envelopes import opened
from partners.fields import Hash, key_of, label, texts
from partners.reading import Reading, Stated, Unreadable
from statemachine.model import Fact

__all__ = ["read"]

STATUS = "STATUS"
#: The machine's signal for each status, as `label` spells it.
SIGNALS = {
    "RECEIVED": "shipment:unknown",  # confirms any state: it is known now, and nothing has happened to it
    "FILLED": "order:success",
    "REJECTED": "order:rejected",
    "CANCELLED": "order:cancelled",
    "SHIPPED": "shipment:transit",
    "DELIVERED": "shipment:delivered",
    "RETURNED": "shipment:returned",
}
KNOWN = Shape(
    frozenset({"order_id", "status", "tracking_number", "carrier"}),
    codes=(("status", frozenset(SIGNALS)),),
)
SHOWN = ("tracking_number", "carrier")


def read(body: bytes, hash: Hash, url_id: str | None = None) -> Reading:
    """What a callback's body states. Raises Unreadable, and nothing else whatever the body."""
    content = opened(body)
    unseen = unseen_in(KNOWN, STATUS, content)
    try:
        if content.get("order_id") is None:
            raise Unreadable("missing_key")
        key = key_of(content["order_id"])
        if content.get("status") is None:
            raise Unreadable("missing_status")
        signal = SIGNALS.get(label(content["status"]))
        if signal is None:
            raise Unreadable("unknown_status")
    except Unreadable as error:
        error.callback_type = STATUS
        error.unseen = unseen
        raise
    detail: dict[str, object] = {**texts(content, SHOWN)}
    number = detail.get("tracking_number")
    parcel = number if isinstance(number, str) and signal.startswith("shipment:") else None
    # Two parcels of one order are two facts of one signal: their numbers tell them apart.
    fact = Fact(0, signal, None, hash("fact", parcel) if parcel else b"")
    stated = Stated(
        "fill_request", key, fact, detail, frozenset({("request", key)}), parcel=parcel, undated=True
    )
    return Reading(STATUS, (stated,), unseen)
