"""What the partner's codes mean, in our own words. The sets are open: a code that is in no table is kept.

The tables are the reference's, with what stands outside of them marked: codes that its samples print without
listing them, and codes that only the live contract is known to use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "COMPLETION_STATES",
    "COPAY_ERRORS",
    "COPAY_LINES",
    "COPAY_TRIAGES",
    "INSURER_REFUSALS",
    "ORDER_ERRORS",
    "ORDER_TRIAGES",
    "TRANSFER_ERRORS",
    "meaning",
]

Table = Mapping[str, str]


def _table(**codes: str) -> Table:
    return MappingProxyType(codes)


# The first letter of some codes is a digit, so this one is written out.
ORDER_ERRORS: Table = MappingProxyType(
    {
        "09": "the insurer knows another date of birth",
        "12": "the insurance details do not check out; the message says which",
        "62": "the insurer knows the patient under another name",
        "75": "the insurer wants a prior authorization first",
        "79": "too early for a refill; the message has the date",
        "DI": "does not go with another drug; the message says which",
        "DT": "doubles a therapy the patient already has",
        "NR": "no refills are left",
        "PC": "the pharmacy has no prescription for it",
        "R0": "the customer cancelled the order",
        "R003": "the plan pays only pharmacies of its own network",
        "R004": "the coverage is not in force",
        "R005": "the pharmacy rejected it for the customer",
        "R009": "the copay is high; the message has the amount",
        "R010": "the plan pays no more fills by mail",
        "R015": "the plan pays a smaller quantity; the message has the limit",
        "R017": "a test",
        "R019": "another reason; the message has it",
        "R021": "in no table, printed beside a drug interaction",
        "R022": "the directions are unclear; the message says what is missing",
        "R024": "the prescription is too old",
        "R025": "the coverage has ended",
        "R026": "the quantity is not the prescribed one",
        "R028": "the patient did not pay within 10 days of the claim (in no table, but described)",
        "R1": "the same order exists already; the message has its number",
        "R2": "the address is wrong or not whole",
        "R3": "out of stock, and not to be had",
        "R4": "the parcel came back to the sender",
        "R5": "the prescription went to another pharmacy",
    }
)

ORDER_TRIAGES = _table(
    T001="the address cannot be delivered to",
    T003="the insurer wants a prior authorization first",
    T004="the customer has to clarify something",
    T005="out of stock; carries the date of the next delivery",
    T006="the pharmacy is asking the prescriber",
    T007="another reason, in the additional information",
    T009="waits for the date it may be filled on (live contract, in no table)",
    T013="known from the live contract alone, which does not explain it",
    T045="known from the live contract alone, which does not explain it",
)

TRANSFER_ERRORS = _table(
    PATIENT_CANCELLED_RX="the patient called it off",
    PATIENT_CONTACT_REQUESTED="the pharmacy or the prescriber wants to hear from the patient",
    PATIENT_INFO_MISMATCH="what is known of the patient does not fit the prescription",
    PATIENT_RECORD_NONEXISTANT="the pharmacy does not know the patient",
    PHARMACY_DECLINED="the pharmacy refuses to hand it over",
    PHARMACY_NO_RESPONSE="the pharmacy was silent for 6 days",
    PRESCRIBER_DECLINED="the prescriber refuses to write it",
    PRESCRIBER_NO_RESPONSE="the prescriber was silent for 6 days",
    RX_DOSAGE_MISMATCH="prescribed in another strength",
    RX_EXPIRED="the prescription is too old",
    RX_FORMULA_MISMATCH="prescribed in another form",
    RX_IS_DAW="prescribed as this brand and no other",
    RX_NONEXISTANT="the pharmacy has no such prescription",
    RX_NO_REFILLS="no refills are left",
    TRANSFER_CONTACT_INFO_INCORRECT="the pharmacy or the prescriber cannot be reached there",
    TRANSFER_DUPLICATE="the same transfer was asked for already",
    TRANSFER_OTHER_REASON="another reason; the message has it",
)

# Of a whole copay request.
COPAY_ERRORS = _table(
    BAD_INSURANCE_DETAILS="the insurance details do not check out",
    CLOSED_NETWORK="the plan pays only pharmacies of its own network",
    CUSTOMER_CANCELLATION_REQUEST="the customer called it off",
    DUPLICATE_REQUEST="the same copay was asked for already",
    INSURANCE_TERMINATED="the coverage has ended",
    PA_REQUIRED="the insurer wants a prior authorization first",
    PHARMACY_OUT_OF_NETWORK="the plan does not pay this pharmacy",
    PHARMACY_OUT_OF_NETWORK_STATE_MEDICAID="the pharmacy is not enrolled in that state's Medicaid",
)

# Of one prescription in it.
COPAY_LINES = _table(
    BAD_INSURANCE_DETAILS="the insurance details do not check out",
    COPAY_REQUEST_ABANDONED="nobody went on with it",
    HIGH_COPAY="the copay is high",
    INSURANCE_ISSUE="something is wrong with the insurance",
    INSURANCE_LTD_QTY="the plan pays a smaller quantity",
    INSURANCE_TERMINATED="the coverage has ended",
    MAIL_ORDER_FILLS="the plan pays no more fills by mail",
    PA_DENIED="the payer declined the prior authorization",
    PA_REQUIRED="the insurer wants a prior authorization first",
    PHARMACY_OUT_OF_NETWORK="the plan does not pay this pharmacy",
    PHARMACY_OUT_OF_NETWORK_STATE_MEDICAID="the pharmacy is not enrolled in that state's Medicaid",
    PRIMARY_INSURANCE_REQUIRED="another insurance has to be asked first",
    RX_ISSUE="something is wrong with the prescription",
    RX_NOT_COVERED="the plan does not pay this drug",
    RX_NO_REFILLS="no refills are left",
    RX_REFILL_TOO_SOON="too early for a refill",
    RX_TRANSFERRED="the prescription went to another pharmacy",
)

# The insurers' own, numbered by NCPDP: those that the reference prints with their text.
INSURER_REFUSALS: Table = MappingProxyType(
    {
        "75": "the insurer wants a prior authorization first",
        "79": "too early for a refill",
    }
)

COPAY_TRIAGES = _table(
    CT001="the pharmacy is asking the clinic",
    CT002="the customer has to clarify something",
    CT003="the insurer wants a prior authorization first",
    CT004="too early for a refill; carries the date it may be filled on",
    CT005="waits for a transfer between pharmacies of the partner",
    CT006="another reason, in the additional information",
    CT007="the coverage has ended",
    CT008="the coverage is not in force",
    CT009="the insurer knows another date of birth",
    CT010="the insurance details do not check out",
)

COMPLETION_STATES = _table(
    advice_911="told to call an ambulance",
    advice_immediate_attention="sent to an emergency department",
    advice_local_provider="sent to a doctor nearby",
    advice_other="given other advice",
    patient_failed_to_respond="the patient did not answer",
    rx_prescribed="a prescription was written",
    sig_otc="told to take something sold without a prescription",
)

# Where the codes of a fact and of its lines may stand; the first table that has one explains it. A signal
# stands for itself, or with a * for all of its kind that are not named.
_TABLES: Mapping[str, tuple[Table, ...]] = MappingProxyType(
    {
        "order:triage": (ORDER_TRIAGES, ORDER_ERRORS),
        "order:*": (ORDER_ERRORS,),
        "claim:*": (INSURER_REFUSALS, ORDER_ERRORS),
        "transfer:*": (TRANSFER_ERRORS,),
        "contact:*": (TRANSFER_ERRORS,),
        "direct_transfer:*": (TRANSFER_ERRORS,),
        "copay:triage": (COPAY_TRIAGES,),
        "copay:success": (COPAY_LINES, INSURER_REFUSALS, COPAY_ERRORS),
        "copay:*": (COPAY_ERRORS, COPAY_LINES, INSURER_REFUSALS),
        "consult:completed": (COMPLETION_STATES,),
    }
)
# Those of a snapshot, by kind.
_OF_RECORDS: Mapping[str, tuple[Table, ...]] = MappingProxyType(
    {
        "fill_request": (ORDER_ERRORS, ORDER_TRIAGES),
        "transfer": (TRANSFER_ERRORS,),
        "direct_transfer": (TRANSFER_ERRORS,),
        "copay": (COPAY_ERRORS, COPAY_TRIAGES, COPAY_LINES, INSURER_REFUSALS),
    }
)


def meaning(kind: str, signal: str, code: str | None) -> str | None:
    """What a code of such a fact, or of one of its lines, says; None for none and for an unknown one.

    A completion state of a consult counts as a code. Case does not matter.
    """
    if code is None:
        return None
    family = signal.partition(":")[0]
    tables = _TABLES.get(signal) or _TABLES.get(f"{family}:*", ())
    for table in _OF_RECORDS.get(kind, ()) if family == "seen" else tables:
        found = table.get(code) or table.get(code.upper()) or table.get(code.lower())
        if found:
            return found
    return None
