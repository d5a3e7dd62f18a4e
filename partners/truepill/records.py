"""What the reference prints in the records that the partner's GETs answer, and their words for states: data.

The records of direct transfers, copays and consults in a list are known from the live contract alone: of them
only the words that we read are held against what is known, since of their fields no list is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from partners.drift import Shape
from partners.truepill import codes

__all__ = ["RECORDS", "Record"]


class Record(NamedTuple):
    """What is known of one resource: the kind of its entities, the words of its status, and its shape.

    `states` are by label. Without `complete` the shape names no fields, and any may come.
    """

    kind: str
    states: Mapping[str, str]
    shape: Shape
    complete: bool


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Spelled otherwise somewhere in the reference ("Consult Workflow Statuses", and what its simulations say), or
# elsewhere.
SPELLINGS = {"CANCELED": "cancelled", "COMPLETE": "completed", "RESOLVE": "resolved"}


def _states(text: str) -> dict[str, str]:
    """Each word for itself, under every spelling of it."""
    words = text.split()
    return {word.upper(): word for word in words} | {
        spelled: word for spelled, word in SPELLINGS.items() if word in words
    }


def _codes(*tables: codes.Table) -> frozenset[str]:
    return frozenset(code for table in tables for code in table)


def _record(
    kind: str, states: str, shape: Shape, *, complete: bool = True, **known: frozenset[str]
) -> Record:
    words = _states(states)
    told = tuple(known.items())
    if words:
        told = (("status", frozenset(words)), *told)
    return Record(kind, words, shape._replace(codes=told), complete)


ADDRESS = "name company street1 street2 city state zip country phone email"
# "Get Fill Request". The item of a product is called so here alone.
FILL = Shape(
    _names(
        "patient_first_name patient_last_name patient_dob patient_gender patient_payment_type "
        "medication_name otc_products quantity_dispensed days_supply prescribing_doctor medication_sig "
        "refill_number is_refill check_in shipping_method patient_known_allergies "
        "patient_other_medications notes metadata url_token status created_at error_code rejection_reason "
        "additional_rejection_details triage_reason additional_triage_details tracking_url carrier"
    )
    | {f"address_{end}_{part}" for end in ("from", "to") for part in ADDRESS.split()}
)
# "Get a Transfer" and "List Transfers": the list's items have some of these fields.
BROUGHT = Shape(
    _names(
        "num_refills_remaining medication_name prescription_date prescriber last_filled_date url_token "
        "days_supply num_refills_filled prescribed_quantity prescribed_written_name prescribed_generic_name"
    )
)
ASKED_FOR = Shape(
    _names("url_token rejection_reason rejection_reason_other medication_name prescription"),
    (("prescription", BROUGHT),),
)
TRANSFER = Shape(
    _names(
        "created_at url_token status cancel_reason cancel_reason_other pharmacy_name pharmacy_phone "
        "prescriber_name prescriber_phone notes metadata transfer_medications messages"
    ),
    (("transfer_medications", ASKED_FOR),),
)
# "Get a Prescription" and "Get Patient's Prescriptions" together.
PRESCRIPTION = Shape(
    _names(
        "prescription_token medication_name medication_sig prescriber date_written refills_remaining "
        "current_rx_status_text fillable days_supply is_refill last_filled_date expiration_date_utc "
        "expiration_date number_of_refills_allowed prescribed_brand_name prescribed_drug_strength "
        "prescribed_generic_name prescribed_ndc prescribed_quantity prescribed_written_name prescriber_npi "
        "quantity_remaining rx_number origin prescriber_order_number original_prescribed_ndc date_filled_utc "
        "medication_id prescribed_quantity_unit prescriber_address notes icd_codes is_daw "
        "dea_schedule formulary"
    ),
    (
        ("prescriber_address", Shape(_names(ADDRESS))),
        ("icd_codes", Shape(_names("icd10 icd9"))),
        ("formulary", Shape(_names("on_formulary formulary_ndc"))),
    ),
)
UNKNOWN = Shape(frozenset())

RECORDS: Mapping[str, Record] = {
    "fill_request": _record(
        "fill_request",
        "pending triage completed returned rejected cancelled",
        FILL,
        error_code=_codes(codes.ORDER_ERRORS, codes.ORDER_TRIAGES),
    ),
    "transfer": _record("transfer", "pending completed rejected cancelled", TRANSFER),
    "direct_transfer": _record("direct_transfer", "pending completed rejected", UNKNOWN, complete=False),
    "copay_request": _record(
        "copay",
        "pending triage completed rejected cancelled",
        UNKNOWN,
        complete=False,
        error_code=_codes(codes.COPAY_ERRORS, codes.COPAY_LINES),
    ),
    "consult": _record(
        "consult",
        "unassigned assigned review issue resolved completed rejected cancelled",
        UNKNOWN,
        complete=False,
    ),
    "prescription": _record("prescription", "", PRESCRIPTION),
}
