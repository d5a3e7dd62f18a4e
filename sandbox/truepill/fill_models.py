"""What goes into and comes out of the endpoints of a fill request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from sandbox.endpoint import Answer, Body, Text
from sandbox.truepill.fill_simulation import Simulation

__all__ = [
    "Accepted",
    "Cancel",
    "Cancelled",
    "Create",
    "FillDocument",
    "FillList",
    "Line",
    "Update",
    "Updated",
]

Method = Literal[
    "usps_priority",
    "usps_ground_advantage",
    "usps_priority_express",
    "fedex_2_day",
    "fedex_ground",
    "fedex_smart_post",
    "fedex_standard_overnight",
    "fedex_priority_overnight",
    "ups_ground",
    "ups_next_day_air",
    "ups_second_day_air",
]
Quantity = Annotated[int, Field(gt=0, le=10**9)]


class Line(Body):
    """A medication. Payment and consent are taken as they come: samples disagree on their fields."""

    prescription_token: Text
    quantity: Quantity | None = None
    patient_consent: dict[str, Any] | None = None
    copay_payment: dict[str, Any] | None = None


class OtcProduct(Body):
    quantity: Quantity
    sku: Text | None = None
    item: Text | None = None
    days_supply: Quantity | None = None
    customer_item_id: Text | None = None


class Insurance(Body):
    insurance_token: Text | None = None
    cardholder_id: Text | None = None
    rx_bin: Text | None = None


class SurveyBody(Body):
    """Its three required fields may be missing: then the order is rejected later ("Patient Survey")."""

    conditions: str | None = None
    medications: str | list[dict[str, Any]] | None = None
    allergies: str | None = None
    smoking_frequency: str | None = None
    drinking_frequency: str | None = None


class Create(Body):
    patient_token: Text | None = None
    patient_payment_type: Literal["cash", "insurance"]
    address_to_name: Text
    address_to_street1: Text
    address_to_city: Text
    address_to_state: Text
    address_to_zip: Text
    address_to_phone: Text
    patient_survey: SurveyBody | None
    insurances: list[Insurance] = []
    medications: list[Line] = []
    otc_products: list[OtcProduct] = []
    packaging_materials: list[OtcProduct] = []
    packing_materials: list[OtcProduct] = []
    patient_first_name: Text | None = None
    patient_last_name: Text | None = None
    address_from_company: str | None = None
    address_to_company: str | None = None
    address_to_street2: str | None = None
    address_to_country: str | None = None
    address_to_email: str | None = None
    metadata: str | None = None
    shipping_method: Method = "usps_ground_advantage"
    signature_confirmation: bool = False
    notes: str | None = None
    packaging_instructions: Annotated[str, Field(max_length=40)] | None = None
    check_in: bool = False
    replacement_order: Text | None = None
    reference_order: Text | None = None
    simulation: Simulation | None = None

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        medications, otc = document.get("medications"), document.get("otc_products")
        if not medications and not otc:
            yield "medications", "is required"
        guest = document.get("patient_first_name") and document.get("patient_last_name")
        if not document.get("patient_token") and (medications or not guest):
            yield "patient_token", "is required"
        if document.get("patient_payment_type") == "insurance" and not document.get("insurances"):
            yield "insurances", "is required"


class Update(Body):
    """`medications` is in no table: it is how a payment is taken to come later ("Expiring Orders")."""

    request_id: Text
    address_to_name: Text
    address_to_street1: Text
    address_to_street2: str
    address_to_city: Text
    address_to_state: Text
    address_to_zip: Text
    address_to_country: Text
    address_to_phone: Text
    address_to_email: Text
    address_to_company: str | None = None
    address_from_company: str | None = None
    shipping_method: Method | None = None
    signature_confirmation: bool | None = None
    notes: str | None = None
    medications: list[Line] = []


class Cancel(Body):
    request_id: Text
    medications: list[Line] | None = None


class AcceptedDetails(Answer):
    message: str
    metadata: str | None


class Accepted(Answer):
    request_id: str
    timestamp: int
    status: str
    details: AcceptedDetails


class UpdatedDetails(Answer):
    message: str


class Updated(Answer):
    request_id: str
    timestamp: int
    status: str
    details: UpdatedDetails


class CancelledDetails(Answer):
    code: str
    description: str
    message: str


class Cancelled(Answer):
    request_id: str
    timestamp: int
    status: str
    details: CancelledDetails


class FillDocument(Answer):
    patient_first_name: str | None
    patient_last_name: str | None
    patient_dob: str | None
    patient_gender: str | None
    patient_payment_type: str
    medication_name: str | None
    otc_products: list[dict[str, Any]]
    quantity_dispensed: int | None
    days_supply: int | None
    prescribing_doctor: str | None
    medication_sig: str | None
    refill_number: int | None
    is_refill: bool
    check_in: bool
    shipping_method: str
    address_to_name: str
    metadata: str | None
    url_token: str
    status: str
    created_at: str
    error_code: str | None
    rejection_reason: str | None
    additional_rejection_details: str | None
    triage_reason: str | None
    additional_triage_details: str | None
    tracking_url: str | None
    carrier: str | None


class ListedFill(FillDocument):
    request_id: str


class FillList(Answer):
    results: list[ListedFill]
    next_page_token: str | None
