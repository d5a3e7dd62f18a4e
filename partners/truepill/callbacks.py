"""Truepill callbacks to facts: pure, and on the hot path of every event.

Read are ORDER, SHIPMENT and the order claim, all about a fill request. What cannot be read raises Unreadable
with a reason, so that the body is kept in quarantine and read again once we understand it.
"""

from __future__ import annotations

import re

import orjson

from partners.reading import Reading, Stated, Unreadable
from partners.truepill.fields import Hash, Json, clear_code, key_of, label, text, when
from partners.truepill.lines import Lines, claim_lines, order_lines
from statemachine.kernel import Fact

__all__ = ["read"]

FILL = "fill_request"

# Errors that say more than "rejected", and what they make of each line. R004 and R005 are other codes than R4
# and R5, so nothing is done about leading zeros.
ERRORS = {
    "R0": ("order:cancelled", "cancelled"),
    "R028": ("order:unpaid", "cancelled"),
    "R4": ("order:returned", "returned"),
    "R5": ("order:transferred_out", "rejected"),
}
REJECTED = ("order:rejected", "rejected")

SHIPMENTS = {
    "UNKNOWN": "shipment:unknown",
    "PRETRANSIT": "shipment:pre_transit",
    "TRANSIT": "shipment:transit",
    "DELIVERED": "shipment:delivered",
    "RETURNED": "shipment:returned",
    "FAILURE": "shipment:failure",
}

ORDER_TEXTS = (
    "message",
    "description",
    "additional_information",
    "tracking_number",
    "carrier",
    "metadata",
    "patient_token",
)
SHIPMENT_TEXTS = ("message", "description", "tracking_number", "carrier", "eta", "metadata", "patient_token")
CLAIM_TEXTS = ("message", "description", "metadata", "patient_token")

# What only a filled order has, on a medication and beside the medications.
SIGNS_OF_A_FILL = ("dispensed_medication_name", "dispensed_ndc")
SIGNS_OF_A_PARCEL = ("tracking_number", "tracking_url")
_triage_code = re.compile(r"T[0-9]{1,4}").fullmatch

_EMPTY: Json = {}
_NOT_JSON = object()


def read(body: bytes, hash: Hash) -> Reading:
    """What a callback's body states, with its times in whole seconds of Unix time.

    `hash` is a keyed hash of (domain, value), used for discriminators and for codes that are free text.
    Raises Unreadable; neither its text nor a chained exception holds anything of the body.
    """
    content = _content(body)
    stated_type = content.get("callback_type")
    if stated_type is None or stated_type == "":
        raise Unreadable("page" if "results" in content else "missing_type")
    callback_type = _TYPES.get(label(stated_type))
    if callback_type is None:
        raise Unreadable("unknown_type")
    reader = _READERS.get(callback_type)
    if reader is None:
        raise Unreadable("no_machine", callback_type)
    try:
        key = key_of(content.get("request_id"))
        at = when(content.get("timestamp"))
        return Reading(callback_type, (reader(key, at, content, hash),))
    except Unreadable as error:
        error.callback_type = callback_type
        raise


def _content(body: bytes) -> Json:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = _NOT_JSON  # raised below: an exception chained to orjson's would carry the whole body
    if content is _NOT_JSON:
        raise Unreadable("not_json")
    if type(content) is not dict:
        raise Unreadable("not_an_object")
    return content


def _order(key: str, at: int, content: Json, hash: Hash) -> Stated:
    details = _details(content)
    known = details if details is not None else _EMPTY
    status = _order_status(content.get("status"), known)
    detail = _texts(known, ORDER_TEXTS)
    signal, code, line_status, extra = "order:success", None, None, None
    if status == "triage":
        signal, line_status, extra = "order:triage", "triage", detail.get("additional_information")
        code = text(known.get("code")) or text(known.get("error_code"))
    elif status == "error":
        code = _error_code(details)
        signal, line_status = ERRORS.get(code.upper(), REJECTED) if code else REJECTED
    lines = order_lines(known, line_status, hash)
    discriminator = _discriminator([lines.told, extra], hash) if lines.told or extra else b""
    return _stated(key, at, signal, code, discriminator, lines, detail, hash)


def _shipment(key: str, at: int, content: Json, hash: Hash) -> Stated:
    """`details.status` says where the parcel is, whatever the top-level status: that one may be an error."""
    details = _details(content)
    if details is None:
        raise Unreadable("bad_details")
    status = text(details.get("status"))
    if status is None:
        raise Unreadable("missing_status")
    signal = SHIPMENTS.get(label(status))
    detail = _texts(details, SHIPMENT_TEXTS)
    told = [detail.get("tracking_number"), detail.get("message")]
    discriminator = _discriminator(told, hash) if any(told) else b""
    code = status if signal is None else None
    return _stated(key, at, signal or "shipment:unknown", code, discriminator, _NO_LINES, detail, hash)


def _claim(key: str, at: int, content: Json, hash: Hash) -> Stated:
    """Owed when any line owes. That nothing is owed is believed only when every line says so."""
    details = _details(content) or _EMPTY
    lines = claim_lines(details, hash)
    statuses = {line.status for line in lines.lines}
    if "owed" not in statuses and (not statuses or "unclear" in statuses):
        raise Unreadable("bad_details")
    signal = "claim:owed" if "owed" in statuses else "claim:settled"
    return _stated(key, at, signal, None, b"", lines, _texts(details, CLAIM_TEXTS), hash)


def _stated(
    key: str,
    at: int,
    signal: str,
    code: str | None,
    discriminator: bytes,
    lines: Lines,
    detail: dict[str, object],
    hash: Hash,
) -> Stated:
    shown = clear_code(code, hash) if code else None
    if shown != code:
        detail["code"] = code
    if any(lines.detail):
        detail["lines"] = lines.detail
    return Stated(FILL, key, Fact(at, signal, shown, discriminator, lines.lines), detail)


def _details(content: Json) -> Json | None:
    """The details; empty when there are none, None when they are of another shape than an object."""
    details = content.get("details")
    if details is None:
        return _EMPTY
    return details if type(details) is dict else None


def _order_status(status: object, details: Json) -> str:
    """success, error or triage; inferred where a pulled copy, which has no status, leaves no doubt."""
    if type(status) is str and (known := status.strip().lower()) in ("success", "error", "triage"):
        return known
    found = []
    if details.get("error_code"):
        found.append("error")
    code = text(details.get("code"))
    if code and (_triage_code(code) or "triage" in (text(details.get("message")) or "").lower()):
        found.append("triage")
    if _is_filled(details):
        found.append("success")
    if len(found) != 1:
        raise Unreadable("missing_status")
    return found[0]


def _is_filled(details: Json) -> bool:
    medications = details.get("medications")
    if not isinstance(medications, list):
        return False
    objects = [item for item in medications if type(item) is dict]
    if any(item.get(name) for item in objects for name in SIGNS_OF_A_FILL):
        return True
    return bool(objects) and any(details.get(name) for name in SIGNS_OF_A_PARCEL)


def _error_code(details: Json | None) -> str | None:
    """The code of an error decides the state, so it may be absent but not unreadable."""
    if details is None:
        raise Unreadable("bad_details")
    stated = details.get("error_code") or details.get("code")
    if isinstance(stated, list | dict | bool):
        raise Unreadable("bad_details")
    return text(stated)


def _texts(details: Json, names: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        value = details.get(name)
        if value is not None and (shown := text(value)):
            found[name] = shown
    return found


def _discriminator(told: object, hash: Hash) -> bytes:
    return hash("fact", orjson.dumps(told).decode())


_NO_LINES = Lines((), [], [])
_READERS = {"ORDER": _order, "SHIPMENT": _shipment, "ORDER_CLAIM": _claim}
# Spelled as `label` gives it: the name of the order claim is printed nowhere, so near names are accepted.
_TYPES = {
    **{
        name.replace("_", ""): name
        for name in (
            "ORDER",
            "SHIPMENT",
            "ORDER_CLAIM",
            "TRANSFER",
            "TRANSFER_CONTACT",
            "DIRECT_TRANSFER",
            "DIRECT_TRANSFER_V2",
            "COPAY",
            "PRIOR_AUTH",
            "COVERAGE",
            "CONSULT",
            "FILE",
            "NOTIFY_RX",
        )
    },
    "ORDERCLAIMS": "ORDER_CLAIM",
}
