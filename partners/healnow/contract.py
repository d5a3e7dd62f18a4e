"""What HealNow's callbacks and records are known to hold, as data: fields, objects and codes.

Records are as the reference prints them, without what is cut off before they are stored (`envelopes`). Its
callbacks stand in no reference: their names are those that integrators' public code reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from partners.drift import Shape
from partners.healnow.assumed import NESTED_ITEM

__all__ = ["CALLBACK", "CALLBACK_TYPES", "RECORDS"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The status that a callback's type tells, by its type as we name it.
CALLBACK_TYPES: Mapping[str, str] = {
    f"prescription::{status}": status
    for status in ("pending", "paid", "moto", "canceled", "manually_canceled", "removed")
}
CALLBACK = Shape(
    _names("type data"),
    (("data", Shape(_names("id eid rx_number refill_number order_id amount_in_cents qty"))),),
)

PATIENT = Shape(_names("id eid"))
STATUSES = _names("pending paid moto canceled manually_canceled removed")
PRESCRIPTION = Shape(
    _names(
        "id eid name rx_number refill_number price_in_cents status provider days_supply qty is_refill patient"
    ),
    (("patient", PATIENT),),
    (("status", STATUSES),),
)
ITEM = Shape(PRESCRIPTION.fields | {NESTED_ITEM}, ((NESTED_ITEM, PRESCRIPTION),), (("status", STATUSES),))
PAYMENT = Shape(_names("id amount_in_cents card_type last4"))
# What `totals` holds is printed nowhere, so that nothing in it is news.
ORDER = Shape(
    _names("id ref archived status total_in_cents totals patient payment items"),
    (("patient", PATIENT), ("payment", PAYMENT), ("items", ITEM)),
    (("status", _names("paid")),),
)
SESSION = Shape(
    _names("id status total_in_cents totals patient payment items"),
    (("patient", PATIENT), ("payment", PAYMENT), ("items", ITEM)),
    (("status", _names("open paid expired")),),
)
CART = Shape(_names("patient prescriptions"), (("patient", PATIENT), ("prescriptions", PRESCRIPTION)))

#: By resource, as envelopes name it.
RECORDS: Mapping[str, Shape] = {
    "order": ORDER,
    "prescription": PRESCRIPTION,
    "cart": CART,
    "checkout_session": SESSION,
}
