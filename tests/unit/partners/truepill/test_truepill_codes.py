"""The partner's codes: each of the reference's tables has its meaning here, and unknown ones have none."""

from __future__ import annotations

import pytest

from partners.truepill import codes
from partners.truepill.codes import meaning
from statemachine import MACHINES

# As the reference lists them, and behind the bar those that it prints or that are known without being listed.
ORDER = """
R2 12 R004 R003 09 DI R1 DT R009 R010 PC NR R0 R005 R019 R3 62 75 R015 79 R4 R022 R017 R5 R024 R025 R026
| R021 R028
"""
TRIAGE = "T001 T003 T004 T005 T006 T007 | T009 T013 T045"
TRANSFER = """
RX_DOSAGE_MISMATCH RX_FORMULA_MISMATCH RX_NO_REFILLS RX_NONEXISTANT RX_EXPIRED RX_IS_DAW
PATIENT_RECORD_NONEXISTANT PATIENT_CANCELLED_RX PATIENT_INFO_MISMATCH PATIENT_CONTACT_REQUESTED
PHARMACY_NO_RESPONSE PHARMACY_DECLINED PRESCRIBER_DECLINED PRESCRIBER_NO_RESPONSE TRANSFER_DUPLICATE
TRANSFER_CONTACT_INFO_INCORRECT TRANSFER_OTHER_REASON
"""
COPAY = """
DUPLICATE_REQUEST CLOSED_NETWORK PHARMACY_OUT_OF_NETWORK PHARMACY_OUT_OF_NETWORK_STATE_MEDICAID
INSURANCE_TERMINATED BAD_INSURANCE_DETAILS CUSTOMER_CANCELLATION_REQUEST PA_REQUIRED
"""
COPAY_LINE = """
BAD_INSURANCE_DETAILS COPAY_REQUEST_ABANDONED HIGH_COPAY INSURANCE_ISSUE INSURANCE_LTD_QTY
INSURANCE_TERMINATED MAIL_ORDER_FILLS PA_DENIED PA_REQUIRED PHARMACY_OUT_OF_NETWORK
PHARMACY_OUT_OF_NETWORK_STATE_MEDICAID
PRIMARY_INSURANCE_REQUIRED RX_ISSUE RX_NO_REFILLS RX_NOT_COVERED RX_REFILL_TOO_SOON RX_TRANSFERRED
"""
COPAY_TRIAGE = "CT001 CT002 CT003 CT004 CT005 CT006 CT007 CT008 CT009 CT010"
CONSULT = """
advice_911 advice_immediate_attention advice_local_provider advice_other patient_failed_to_respond
rx_prescribed sig_otc
"""


@pytest.mark.parametrize(
    ("table", "listed"),
    [
        (codes.ORDER_ERRORS, ORDER),
        (codes.ORDER_TRIAGES, TRIAGE),
        (codes.TRANSFER_ERRORS, TRANSFER),
        (codes.COPAY_ERRORS, COPAY),
        (codes.COPAY_LINES, COPAY_LINE),
        (codes.COPAY_TRIAGES, COPAY_TRIAGE),
        (codes.COMPLETION_STATES, CONSULT),
        (codes.INSURER_REFUSALS, "75 79"),
    ],
)
def test_every_listed_code_has_a_meaning_and_no_other_is_made_up(table: codes.Table, listed: str) -> None:
    assert set(table) == set(listed.replace("|", " ").split())
    assert all(text and len(text) <= 80 for text in table.values())


@pytest.mark.parametrize(
    ("kind", "signal", "code", "text"),
    [
        ("fill_request", "order:rejected", "NR", "no refills are left"),
        ("fill_request", "order:rejected", "nr", "no refills are left"),
        ("fill_request", "order:cancelled", "R0", "the customer cancelled the order"),
        ("fill_request", "order:success", "79", "too early for a refill; the message has the date"),
        ("fill_request", "order:triage", "T001", "the address cannot be delivered to"),
        ("fill_request", "order:rejected", "T001", None),
        ("fill_request", "claim:owed", "75", "the insurer wants a prior authorization first"),
        ("fill_request", "shipment:unknown", "OUT_FOR_DELIVERY", None),
        ("transfer", "transfer:rejected", "RX_EXPIRED", "the prescription is too old"),
        ("transfer", "contact:error", "RX_NO_REFILLS", "no refills are left"),
        ("copay", "copay:triage", "CT003", "the insurer wants a prior authorization first"),
        ("copay", "copay:success", "79", "too early for a refill"),
        ("copay", "copay:success", "PA_DENIED", "the payer declined the prior authorization"),
        ("copay", "copay:rejected", "CLOSED_NETWORK", "the plan pays only pharmacies of its own network"),
        ("consult", "consult:completed", "rx_prescribed", "a prescription was written"),
        ("copay", "copay:success", "#0123456789abcdef", None),
        ("copay", "copay:success", None, None),
        ("prior_auth", "pa:new", "75", None),
    ],
)
def test_a_code_means_something_where_it_stands(
    kind: str, signal: str, code: str | None, text: str | None
) -> None:
    assert meaning(kind, signal, code) == text


def test_any_signal_may_be_asked_about_an_unknown_code() -> None:
    for kind, machine in MACHINES.items():
        assert all(meaning(kind, signal, "X999") is None for signal in machine.rank)
