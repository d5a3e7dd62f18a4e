"""What we take of HealNow that its reference does not print. All of it is assumed, and stands here alone.

The reference prints fields and one path, `/v1/orders/{id}`. Methods and the other paths are read off its
headings. Of statuses it prints `pending` for a prescription, and `paid` for an order and a session; the rest
are the words of its callbacks, or what a heading says ("Expire checkout session").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "CHECKOUT_STATES",
    "FIRST_PAGE",
    "MOST_A_PAGE",
    "NESTED_ITEM",
    "ORDERS",
    "ORDER_PAID",
    "PATIENTS",
    "PAYMENT_STATES",
    "SESSIONS",
    "cart_path",
    "checkout_path",
    "named",
    "order_path",
    "patient_path",
    "prescription_path",
    "prescriptions_path",
    "receipt_path",
]

#: Lists are counted from here: the 0 of the printed samples stands for any number.
FIRST_PAGE = 1
#: The most that a page may have ("per_page"), which is printed.
MOST_A_PAGE = 100

#: The lists that there are.
ORDERS, PATIENTS = "/v1/orders", "/v1/patients"

#: The state of a payment by the status of its prescription, spelled as `partners.fields.label` gives it.
PAYMENT_STATES: Mapping[str, str] = MappingProxyType(
    {
        "PENDING": "pending",
        "PAID": "paid",
        "MOTO": "paid",  # by mail order or telephone: somebody took the card's number down
        "CANCELED": "cancelled",
        "CANCELLED": "cancelled",
        "MANUALLYCANCELED": "cancelled",
        "MANUALLYCANCELLED": "cancelled",
        "REMOVED": "removed",
    }
)
#: Of a checkout by its session's status.
CHECKOUT_STATES: Mapping[str, str] = MappingProxyType({"OPEN": "open", "PAID": "paid", "EXPIRED": "expired"})
#: What the status of an order says that is paid, and with it each of its items.
ORDER_PAID = "PAID"
#: Where an item of an order or a session may have its prescription, instead of being one itself.
NESTED_ITEM = "prescription"

#: Where sessions are made.
SESSIONS = "/v1/checkout_sessions"


def named(record_id: str) -> dict[str, str]:
    """How a create names a record that is there already: a session its patient and its items."""
    return {"id": record_id}


def patient_path(patient_id: str) -> str:
    return f"/v1/patients/{patient_id}"


def cart_path(patient_id: str) -> str:
    return f"/v1/patients/{patient_id}/cart"


def prescriptions_path(patient_id: str) -> str:
    return f"/v1/patients/{patient_id}/prescriptions"


def prescription_path(prescription_id: str) -> str:
    return f"/v1/prescriptions/{prescription_id}"


def checkout_path(session_id: str) -> str:
    return f"/v1/checkout_sessions/{session_id}"


def order_path(order_id: str) -> str:
    """The one path that is printed."""
    return f"/v1/orders/{order_id}"


def receipt_path(order_id: str) -> str:
    return f"/v1/orders/{order_id}/receipt"
