"""What the reference does not print, and is assumed here: paths, statuses, clocks, webhooks.

Printed are the headings, the models' fields, `/v1/orders/{id}`, `paid` of an order and a checkout session,
and `pending` of a prescription. All else of these is taken from the headings' words, or from integrators'
public code. Assumed besides:

- errors are `{error, message}`: 400 for a body that is not understood, 422 for what is not allowed;
- pages count from 1, one behind the last is empty, a list has no order;
- an action without a printed answer gives the record that it changed, a deletion an empty object;
- a session that was paid in part is paid; what was left of it stays in the cart;
- an item of an order is the prescription with its price at payment, flat or under `prescription`;
- an order that was paid by phone has no `payment`; its prescriptions are `moto`;
- a card comes to be when its patient pays with it: there is no endpoint that makes one.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADDRESS",
    "CANCELLED",
    "CARD",
    "EVENT",
    "EXPIRED",
    "MANUALLY_CANCELLED",
    "MOTO",
    "OPEN",
    "ORDER",
    "ORDERS",
    "PAID",
    "PATIENT",
    "PATIENTS",
    "PENDING",
    "PRESCRIPTION",
    "REMOVED",
    "SESSION",
    "SESSIONS",
    "SESSION_SECONDS",
    "SHIPPING_IN_CENTS",
    "SIGNATURE_HEADER",
]

PATIENTS: Final = "/v1/patients"
PATIENT: Final = "/v1/patients/{patient_id}"
ADDRESS: Final = "/v1/addresses/{address_id}"
CARD: Final = "/v1/cards/{card_id}"
SESSIONS: Final = "/v1/checkout_sessions"
SESSION: Final = "/v1/checkout_sessions/{session_id}"
ORDERS: Final = "/v1/orders"
ORDER: Final = "/v1/orders/{order_id}"
PRESCRIPTION: Final = "/v1/prescriptions/{prescription_id}"

#: Statuses of a prescription.
PENDING, PAID, MOTO, REMOVED = "pending", "paid", "moto", "removed"
CANCELLED, MANUALLY_CANCELLED = "canceled", "manually_canceled"
#: Statuses of a checkout session, beside `paid`.
OPEN, EXPIRED = "open", "expired"
#: A session that nobody pays expires.
SESSION_SECONDS = 6 * 3600.0
#: What some orders' totals hold beside their items.
SHIPPING_IN_CENTS = 500
#: The type of a webhook; behind it the prescription's status.
EVENT: Final = "prescription::"
SIGNATURE_HEADER: Final = "X-Healnow-Signature"
