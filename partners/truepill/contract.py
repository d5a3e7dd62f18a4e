"""What the partner's reference says that its callbacks hold, as data: fields, objects and codes of each type.

Fields are those of the printed samples and of the reference's tables of fields, together.
"""

from __future__ import annotations

from collections.abc import Mapping

from partners.drift import Shape
from partners.truepill import codes

__all__ = ["SHAPES"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _codes(*tables: codes.Table) -> frozenset[str]:
    return frozenset(code for table in tables for code in table)


# The codes of a triage are read from either field, and those of a claim are the insurers' or the order's.
# What insurers number themselves (claim_reject_codes) is a standard's list and no contract of the partner.
ORDER_CODES = _codes(codes.ORDER_ERRORS, codes.ORDER_TRIAGES)
CLAIM_CODES = _codes(codes.ORDER_ERRORS, codes.INSURER_REFUSALS)
TRANSFER_CODES = _codes(codes.TRANSFER_ERRORS)
COPAY_CODES = _codes(codes.COPAY_ERRORS, codes.COPAY_LINES, codes.COPAY_TRIAGES)
COMPLETIONS = _codes(codes.COMPLETION_STATES)
SHIPMENT_STATUSES = _names("UNKNOWN PRE_TRANSIT TRANSIT DELIVERED RETURNED FAILURE")

#: What `status` says beside the type; the reference gives the commonest of an open set ("Webhook Events").
ANSWERED, WORKED_ON = "success error", "success error triage"
AUTHORIZED = "new submitted pending approved declined appealed cancelled canceled"
CONSULTED = "unassigned assigned review issue resolve resolved complete completed rejected cancelled canceled"
REQUEST = "callback_type details request_id status timestamp"
CONSULT = "callback_type consult_id details status timestamp"


def _in(envelope: str, details: Shape, statuses: str = "") -> Shape:
    codes = (("status", _names(statuses)),) if statuses else ()
    return Shape(_names(envelope), (("details", details),), codes)


REFILLS = Shape(_names("total_quantity_remaining total_remaining_refills"))
ORDERED = Shape(
    _names(
        "days_supply dispensed_medication_name dispensed_ndc error_code fill_number medication_name "
        "medication_token original_requested_prescription_token patient_cash_amount patient_copay_amount "
        "prescription_token quantity reject_reason remaining_refills requested_medication_name rx_link "
        "rx_number total_refills_allowed"
    ),
    (("remaining_refills", REFILLS),),
    (("error_code", ORDER_CODES),),
)
PRODUCT = Shape(_names("item_name quantity_ordered quantity_requested sku"))
ORDER = Shape(
    _names(
        "additional_information carrier code date_filled description error_code location medications message "
        "metadata order_token otc_products patient_token tracking_number tracking_url"
    ),
    (("medications", ORDERED), ("otc_products", PRODUCT)),
    (("error_code", ORDER_CODES), ("code", ORDER_CODES)),
)
SHIPMENT = Shape(
    _names("carrier eta message metadata status tracking_number tracking_url"),
    (),
    (("status", SHIPMENT_STATUSES),),
)
# Printed nowhere: these are the fields that its description names.
CLAIMED = Shape(
    _names("copay_amount error_code error_message prescription_token"), (), (("error_code", CLAIM_CODES),)
)
CLAIM = Shape(
    _names("medications message metadata order_token patient_token"), (("medications", CLAIMED),), ()
)
TRANSFERRED = Shape(
    _names(
        "days_supply dea_schedule last_filled_date medication_name medication_sig num_refills_remaining "
        "prescriber prescription_token quantity rejection_message requested_medication_name "
        "transfer_medication_id transfer_medication_token"
    ),
    (),
    (("error_code", TRANSFER_CODES),),
)
OF_A_TRANSFER = (("error_code", TRANSFER_CODES), ("code", TRANSFER_CODES))
TRANSFER = Shape(
    _names("description error_code medications message metadata patient_token"),
    (("medications", TRANSFERRED),),
    OF_A_TRANSFER,
)
CONTACT = Shape(
    _names(
        "contact_method contact_name contact_number error_code message metadata patient_token transfer_token"
    ),
    (),
    OF_A_TRANSFER,
)
DIRECT = Shape(
    _names("direct_transfer_token message metadata patient_token prescription_token"), (), OF_A_TRANSFER
)
REJECT_CODE = Shape(_names("code message"))
PAID_CLAIM = Shape(
    _names(
        "additional_message_information billing_order claim_reject_codes copay_amount insurance "
        "insurance_token response_message status voucher_savings_amount voucher_type"
    )
)
PRICED = Shape(
    _names(
        "claim_reject_codes claims copay_amount copay_request_prescription_token days_supply error_code "
        "fill_number insurance_token next_fill_date prescription_token quantity status"
    ),
    (("claim_reject_codes", REJECT_CODE), ("claims", PAID_CLAIM)),
    (("error_code", COPAY_CODES),),
    described=frozenset({"error_code"}),
)
COPAY = Shape(
    _names(
        "additional_information code copay_token description error_code message metadata patient_token "
        "prescriptions reject_reason reject_reason_other rejection_reason_other"
    ),
    (("prescriptions", PRICED),),
    (("error_code", COPAY_CODES), ("code", COPAY_CODES)),
)
PRIOR_AUTH = Shape(
    _names(
        "insurance_token message metadata patient_token prescriber_fax prescriber_form prescriber_phone "
        "prescription_token prior_auth_type"
    )
)
INSURANCE = Shape(
    _names(
        "bin cardholder_id effective_date group_number help_desk_phone_number insurance_token "
        "patient_relationship payer_name pcn person_code plan_type termination_date"
    )
)
COVERAGE = Shape(
    _names("coverage_request_token insurances metadata patient_token"), (("insurances", INSURANCE),)
)
ASSESSED = Shape(
    _names("issue_reason message metadata provider reject_reason state"),
    (),
    (("state", COMPLETIONS),),
)
DOCUMENT = Shape(_names("document_id status tags"))
FILE = Shape(_names("documents metadata"), (("documents", DOCUMENT),))
NOTIFIED = Shape(
    _names(
        "location medication_name merged_patients patient_token patient_token_duplicates prescriber "
        "prescription_token rx_link transfer_prescription_token"
    )
)

SHAPES: Mapping[str, Shape] = {
    "ORDER": _in(REQUEST, ORDER, WORKED_ON),
    "SHIPMENT": _in(REQUEST, SHIPMENT, ANSWERED),
    "ORDER_CLAIM": _in(REQUEST, CLAIM, ANSWERED),
    "TRANSFER": _in(REQUEST, TRANSFER, ANSWERED),
    "TRANSFER_CONTACT": _in(REQUEST, CONTACT, ANSWERED),
    "DIRECT_TRANSFER": _in(REQUEST, DIRECT, ANSWERED),
    "DIRECT_TRANSFER_V2": _in(REQUEST, DIRECT, ANSWERED),
    "COPAY": _in(REQUEST, COPAY, WORKED_ON),
    "PRIOR_AUTH": _in(REQUEST, PRIOR_AUTH, AUTHORIZED),
    "COVERAGE": _in(f"{REQUEST} message", COVERAGE, ANSWERED),
    "CONSULT": _in(CONSULT, ASSESSED, CONSULTED),
    "FILE": _in("callback_type consult_id details timestamp", FILE),
    "NOTIFY_RX": _in("callback_type details timestamp", NOTIFIED),
}
