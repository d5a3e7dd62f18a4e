"""What goes in and out, as the reference prints it. A price is whole cents."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sandbox.endpoint import Answer, Body, Query, Text

__all__ = [
    "AddressDocument",
    "AddressFields",
    "Addresses",
    "CardDocument",
    "Cards",
    "CartDocument",
    "Deleted",
    "OrderCreate",
    "OrderDocument",
    "Orders",
    "PageQuery",
    "PatientCreate",
    "PatientDocument",
    "PatientFields",
    "Patients",
    "PrescriptionDocument",
    "PrescriptionFields",
    "PrescriptionUpdate",
    "Prescriptions",
    "SessionCreate",
    "SessionDocument",
]

MOST_CENTS = 10**9


def _none_if_empty(value: object) -> object:
    """A form has no other way to say null."""
    return None if value in ("", "null") else value


OrNull = Annotated[str | None, BeforeValidator(_none_if_empty)]
Cents = Annotated[int, Field(ge=0, le=MOST_CENTS)]
Count = Annotated[int, Field(ge=0, le=10**6)]


class PageQuery(Query):
    page: int = Field(1, ge=1, le=10**6)
    per_page: int = Field(20, ge=1, le=100)


class AddressFields(Body):
    street: Text
    street2: OrNull = None
    city: Text
    postcode: Text
    state: Text
    country_code: Text = "us"


class PrescriptionFields(Body):
    """`refill_number`: null and "0" are the first fill."""

    eid: Text
    name: Text
    rx_number: Text
    refill_number: OrNull = None
    price_in_cents: Cents
    provider: Text
    days_supply: Count
    qty: Count
    is_refill: bool = False


class PrescriptionUpdate(Body):
    """What is left out stays."""

    eid: Text | None = None
    name: Text | None = None
    rx_number: Text | None = None
    refill_number: OrNull = None
    price_in_cents: Cents | None = None
    provider: Text | None = None
    days_supply: Count | None = None
    qty: Count | None = None
    is_refill: bool | None = None


class PatientFields(Body):
    eid: Text
    first_name: Text
    last_name: Text
    dob: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}")]
    phone: OrNull = None
    email: OrNull = None


class PatientCreate(PatientFields):
    """What the reference prints without a name as arrays of prescriptions and of addresses."""

    prescriptions: list[PrescriptionFields] = []
    addresses: list[AddressFields] = []


class Named(Body):
    id: Text


class SessionCreate(Body):
    success_url: Text
    cancel_url: Text
    patient: Named
    items: Annotated[list[Named], Field(min_length=1)]


class OrderCreate(Body):
    patient: Named
    items: Annotated[list[Named], Field(min_length=1)]
    card: Named


class AddressDocument(Answer):
    id: str
    street: str
    street2: str | None
    city: str
    postcode: str
    state: str
    country_code: str


class CardDocument(Answer):
    id: str
    card_type: str
    last4: str
    phone: str | None


class PrescriptionDocument(Answer):
    id: str
    eid: str
    name: str
    rx_number: str
    refill_number: str | None
    price_in_cents: int
    status: str
    provider: str
    days_supply: int
    qty: int
    is_refill: bool


class PatientDocument(Answer):
    id: str
    eid: str
    first_name: str
    last_name: str
    dob: str
    phone: str | None
    email: str | None


class CartDocument(Answer):
    total_in_cents: int
    totals: dict[str, int]
    prescriptions: list[PrescriptionDocument]
    patient: PatientDocument


class Payment(Answer):
    id: str
    amount_in_cents: int
    card_type: str
    last4: str


class SessionDocument(Answer):
    id: str
    status: str
    checkout_url: str
    success_url: str
    cancel_url: str
    total_in_cents: int
    totals: dict[str, int]
    patient: PatientDocument
    items: list[PrescriptionDocument]
    payment: Payment | None


class OrderDocument(Answer):
    id: str
    ref: str
    archived: bool
    status: str
    total_in_cents: int
    totals: dict[str, int]
    signature: str
    answers: list[Any]
    patient: PatientDocument
    payment: Payment | None
    shipment: dict[str, Any]
    address: dict[str, Any]
    items: list[dict[str, Any]]


class Deleted(Answer):
    pass


class _Page(Answer):
    page: int
    per_page: int
    total_pages: int


class _Pate(Answer):
    """As printed in three places."""

    page: int
    per_pate: int
    total_pages: int


class Addresses(_Page):
    data: list[AddressDocument]


class Cards(_Page):
    data: list[CardDocument]


class Patients(_Page):
    data: list[PatientDocument]


class Orders(_Pate):
    data: list[OrderDocument]


class Prescriptions(_Pate):
    data: list[PrescriptionDocument]
