"""Which surfaces offer an event: those that give it, where its copy without id and status tells anything."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.truepill.surfaces import offered

EVERYTHING = ["/v1/webhook_events"]
BY_ID = ["/v1/webhook_events?request_id=key"]


def at(type: str, status: str | None = None, /, **details: Any) -> list[str]:
    """Where the live contract offers an event of this type, status and details."""
    body = {"callback_type": type, "details": details} | ({"status": status} if status else {})
    return offered("thing", "key", type, body, True)


def test_what_the_reference_offers_and_what_only_the_live_contract_does() -> None:
    rx = {"callback_type": "NOTIFY_RX", "details": {"prescription_token": "rx"}}
    scan = {"callback_type": "SHIPMENT", "status": "success", "details": {"status": "TRANSIT"}}
    gone = {"callback_type": "TRANSFER", "status": "error", "details": {"error_code": "RX_EXPIRED"}}
    assert offered("prescription", "rx", "NOTIFY_RX", rx, False) == ["/v1/webhook_events/notify_rx"]
    assert offered("fill_request", "f", "SHIPMENT", scan, False) == ["/v1/fill_request/f/webhook_events"]
    assert offered("transfer", "t", "TRANSFER", gone, False) == []
    assert offered("transfer", "key", "TRANSFER", gone, True) == BY_ID
    assert offered("prescription", "rx", "NOTIFY_RX", rx, True)[1:] == EVERYTHING


def test_a_copy_that_has_its_id_and_status_all_the_same_is_offered_as_it_is() -> None:
    mute = {"callback_type": "PRIOR_AUTH", "status": "new", "details": {}}
    assert offered("prior_auth", "p", "PRIOR_AUTH", mute, True) == []
    assert offered("prior_auth", "p", "PRIOR_AUTH", mute, True, whole=True) == EVERYTHING


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("new", "The PA has been created, but not yet submitted to plan", "ePA"),
        ("pending", "The PA has been submitted to the payer for approval", "ePA"),
        ("submitted", "The PA has been submitted to the payer for approval", "traditional"),
        ("approved", "The PA has been approved by the payer", "ePA"),
        ("declined", "The PA has been declined by the payer", "ePA"),
        ("appealed", "The PA has been appealed: the payer decides again", "ePA"),
        ("cancelled", "The PA has been cancelled", "traditional"),
    ],
)
def test_the_message_of_a_prior_authorization_tells_its_status(status: str, message: str, kind: str) -> None:
    assert at("PRIOR_AUTH", status, message=message, prior_auth_type=kind) == BY_ID


@pytest.mark.parametrize(("status", "kind"), [("submitted", "ePA"), ("pending", "traditional")])
def test_a_status_that_its_type_does_not_have_is_not_told_by_the_message(status: str, kind: str) -> None:
    message = "The PA has been submitted to the payer for approval"
    assert at("PRIOR_AUTH", status, message=message, prior_auth_type=kind) == []


@pytest.mark.parametrize(
    ("status", "details"),
    [
        ("completed", {"state": ["rx_prescribed"]}),
        ("rejected", {"reject_reason": "Not treated here"}),
        ("issue", {"issue_reason": "An answer is missing"}),
    ],
)
def test_a_consult_that_says_why_tells_its_status(status: str, details: dict[str, Any]) -> None:
    assert at("CONSULT", status, message="Something happened", **details) == EVERYTHING


@pytest.mark.parametrize("status", ["assigned", "unassigned", "review", "resolved", "cancelled"])
def test_other_statuses_of_a_consult_cannot_be_told_from_a_copy(status: str) -> None:
    assert at("CONSULT", status, message="Licensed provider has accepted the Consult") == []


@pytest.mark.parametrize(
    ("type", "status", "details"),
    [
        ("ORDER", "error", {"error_code": "R4", "tracking_number": "9", "medications": [{}]}),
        ("ORDER", "triage", {"code": "T005", "medications": [{"prescription_token": "rx"}]}),
        ("ORDER", "success", {"medications": [], "otc_products": [{"sku": "TPIBPN20"}]}),
        ("COPAY", "error", {"error_code": "BAD_INSURANCE_DETAILS"}),
        ("COPAY", "triage", {"code": "CT006"}),
        ("COPAY", "success", {"prescriptions": [{"prescription_token": "rx", "status": "rejected"}]}),
        ("TRANSFER", "success", {"medications": [{"rejection_message": "no"}, {"prescription_token": "rx"}]}),
        ("TRANSFER_CONTACT", "success", {"contact_number": "5555550100"}),
        ("DIRECT_TRANSFER", "error", {"message": "Direct Transfer Rejected. duplicate"}),
        ("COVERAGE", "success", {"insurances": [{"bin": "1"}]}),
    ],
)
def test_codes_and_lines_tell_the_status_of_the_others(
    type: str, status: str, details: dict[str, Any]
) -> None:
    assert at(type, status, **details) in (EVERYTHING, BY_ID)


@pytest.mark.parametrize(
    ("type", "status", "details"),
    [
        ("TRANSFER", "error", {"message": "No prescription at the pharmacy"}),
        ("TRANSFER", "success", {"medications": [{"rejection_message": "no"}]}),
        ("TRANSFER_CONTACT", "success", {"contact_number": None}),
        ("COVERAGE", "success", {"insurances": []}),
    ],
)
def test_a_copy_that_has_neither_is_not_offered(type: str, status: str, details: dict[str, Any]) -> None:
    assert at(type, status, **details) == []
