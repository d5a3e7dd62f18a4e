"""Bodies as Truepill sends them, made to measure: each factory gives a dict, `body` its bytes.

Sequences are deterministic within a process; what a test asserts on it passes in itself:

    OrderSuccess(request_id="fill_request_1", timestamp=1590800072)
    OrderSuccess(details__medications=[FilledMedication(), RefusedMedication()])
"""

from __future__ import annotations

from collections.abc import Mapping

import factory
import orjson

__all__ = [
    "Consult",
    "CopayError",
    "CopaySuccess",
    "CopayTriage",
    "CoverageError",
    "CoverageFound",
    "DirectTransfer",
    "Document",
    "File",
    "FilledMedication",
    "FoundInsurance",
    "NotifyRx",
    "OrderClaim",
    "OrderError",
    "OrderSuccess",
    "OrderTriage",
    "OwedMedication",
    "PricedPrescription",
    "PriorAuth",
    "RefusedMedication",
    "RefusedPrescription",
    "RequestedMedication",
    "Shipment",
    "Transfer",
    "TransferContact",
    "TransferError",
    "TransferredMedication",
    "body",
]

START = 1_590_800_000


def body(content: Mapping[str, object]) -> bytes:
    """A callback as it stands on the wire."""
    return orjson.dumps(content)


class RequestedMedication(factory.DictFactory):  # type: ignore[misc]
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")


class FilledMedication(RequestedMedication):
    medication_name = "Brand Label 10mg Tablet"
    dispensed_medication_name = "Brand Label 10mg Tablet"
    requested_medication_name = factory.LazyAttribute(lambda o: f"prescription_token:{o.prescription_token}")
    days_supply = 28
    quantity = 42
    fill_number = "0"
    rx_number = factory.Sequence(lambda n: f"{452793000 + n}")
    total_refills_allowed = 2
    medication_token = factory.Sequence(lambda n: f"med{n:09x}")
    dispensed_ndc = "1234567890"
    remaining_refills = factory.Dict({"total_remaining_refills": 2, "total_quantity_remaining": 84})


class RefusedMedication(factory.DictFactory):  # type: ignore[misc]
    requested_medication_name = "Fluconazole 150 mg oral tablet"
    reject_reason = "Refill too soon"
    medication_token = factory.Sequence(lambda n: f"med{n:09x}")


class OwedMedication(RequestedMedication):
    copay_amount = "21.02"


class _Envelope(factory.DictFactory):  # type: ignore[misc]
    request_id = factory.Sequence(lambda n: f"fill_request_{n:020x}")
    timestamp = factory.Sequence(lambda n: START + n)


class _Details(factory.DictFactory):  # type: ignore[misc]
    metadata = factory.Sequence(lambda n: f"customer-{n}")


class _SuccessDetails(_Details):
    message = "Your fill request was processed and is pending shipment."
    date_filled = "N/A"
    medications = factory.List([factory.SubFactory(FilledMedication), factory.SubFactory(FilledMedication)])
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    tracking_url = factory.LazyAttribute(lambda o: f"https://carrier.example/track?n={o.tracking_number}")
    tracking_number = factory.Sequence(lambda n: f"{92_001_902_453_595_000_000_000_000 + n}")
    carrier = "usps"
    patient_token = factory.Sequence(lambda n: f"pat{n:013x}")


class _TriageDetails(_Details):
    message = "This order has been moved to Triage status"
    code = "T001"
    description = "Invalid Address"
    additional_information = None
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    medications = factory.List(
        [factory.SubFactory(RequestedMedication), factory.SubFactory(RequestedMedication)]
    )


class _ErrorDetails(_Details):
    error_code = "NR"
    description = "Rejected: No Refills Remaining"
    message = None
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    medications = factory.List(
        [factory.SubFactory(RequestedMedication), factory.SubFactory(RequestedMedication)]
    )


class _ShipmentDetails(_Details):
    status = "TRANSIT"
    message = "In Transit, Arriving On Time"
    eta = "2020-06-02T00:54:31.838Z"
    tracking_number = factory.Sequence(lambda n: f"{92_001_902_453_595_000_000_000_000 + n}")
    tracking_url = factory.LazyAttribute(lambda o: f"https://carrier.example/track?n={o.tracking_number}")
    carrier = "usps"


class _ClaimDetails(_Details):
    medications = factory.List([factory.SubFactory(OwedMedication)])


class OrderSuccess(_Envelope):
    callback_type = "ORDER"
    status = "success"
    details = factory.SubFactory(_SuccessDetails)


class OrderTriage(_Envelope):
    callback_type = "ORDER"
    status = "triage"
    details = factory.SubFactory(_TriageDetails)


class OrderError(_Envelope):
    callback_type = "ORDER"
    status = "error"
    details = factory.SubFactory(_ErrorDetails)


class Shipment(_Envelope):
    callback_type = "SHIPMENT"
    status = "success"
    details = factory.SubFactory(_ShipmentDetails)


class OrderClaim(_Envelope):
    callback_type = "ORDER_CLAIM"
    status = "success"
    details = factory.SubFactory(_ClaimDetails)


class TransferredMedication(RequestedMedication):
    transfer_medication_token = factory.Sequence(lambda n: f"tmed{n:012x}")
    requested_medication_name = "Sprintec Tablet"
    medication_name = "Sprintec Tablet"
    last_filled_date = "No Data"
    prescriber = "Dr. Mockdoc"


class PricedPrescription(RequestedMedication):
    insurance_token = factory.Sequence(lambda n: f"ins{n:013x}")
    status = "completed"
    next_fill_date = "2020-06-29T00:00:00.000Z"
    copay_amount = "21.02"
    copay_request_prescription_token = factory.Sequence(lambda n: f"crp{n:013x}")
    fill_number = 1
    days_supply = "28"


class RefusedPrescription(RequestedMedication):
    insurance_token = factory.Sequence(lambda n: f"ins{n:013x}")
    status = "rejected"
    copay_request_prescription_token = factory.Sequence(lambda n: f"crp{n:013x}")
    claim_reject_codes = factory.List([factory.Dict({"code": "79", "message": "Refill too soon"})])
    error_code = "Refill too soon"


class FoundInsurance(factory.DictFactory):  # type: ignore[misc]
    insurance_token = factory.Sequence(lambda n: f"ins{n:013x}")
    payer_name = "Custom Benefits"
    plan_type = "commercial"


class Document(factory.DictFactory):  # type: ignore[misc]
    document_id = factory.Sequence(lambda n: f"{n:024x}")
    status = "UPLOADED"
    tags = factory.List(["SELFIE"])


class _PatientDetails(_Details):
    message: str | None = None
    patient_token = factory.Sequence(lambda n: f"pat{n:013x}")


class _TransferDetails(_PatientDetails):
    message = "Here is a list of medications that were successfully transferred"
    medications = factory.List([factory.SubFactory(TransferredMedication)])


class _ContactDetails(_PatientDetails):
    transfer_token = factory.Sequence(lambda n: f"tra{n:07x}")
    contact_name = "A pharmacy"
    contact_method = "fax"
    contact_number = "6235474583"


class _DirectDetails(_PatientDetails):
    message = "Direct Transfer Accepted."
    direct_transfer_token = factory.Sequence(lambda n: f"dir{n:07x}")
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")


class _CopayDetails(_PatientDetails):
    prescriptions = factory.List([factory.SubFactory(PricedPrescription)])


class _CopayErrorDetails(_PatientDetails):
    error_code = "BAD_INSURANCE_DETAILS"
    rejection_reason_other = "Invalid BIN"


class _CopayTriageDetails(_PatientDetails):
    code = "CT004"
    additional_information = "2020-08-21"
    copay_token = factory.Sequence(lambda n: f"cop{n:013x}")


class _PriorAuthDetails(_PatientDetails):
    prior_auth_type = "ePA"
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")
    insurance_token = factory.Sequence(lambda n: f"ins{n:013x}")


class _CoverageDetails(_PatientDetails):
    coverage_request_token = factory.SelfAttribute("..request_id")
    insurances = None


class _ConsultDetails(_Details):
    provider = "Dr. Mockdoc"


class _NotifyDetails(factory.DictFactory):  # type: ignore[misc]
    medication_name = "Atorvastatin 40 mg tablet"
    prescriber = "Dr. Mockdoc"
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")
    patient_token = factory.Sequence(lambda n: f"pat{n:013x}")
    location = "Hayward, CA"


class _Request(_Envelope):
    request_id = factory.Sequence(lambda n: f"{n:032x}")


class Transfer(_Request):
    callback_type = "TRANSFER"
    status = "success"
    details = factory.SubFactory(_TransferDetails)


class TransferError(Transfer):
    status = "error"
    details = factory.SubFactory(_PatientDetails, message="No medications were able to be transferred")


class TransferContact(Transfer):
    callback_type = "TRANSFER_CONTACT"
    details = factory.SubFactory(_ContactDetails)


class DirectTransfer(_Request):
    callback_type = "DIRECT_TRANSFER"
    status = "success"
    details = factory.SubFactory(_DirectDetails)


class CopaySuccess(_Request):
    callback_type = "COPAY"
    status = "success"
    details = factory.SubFactory(_CopayDetails)


class CopayError(CopaySuccess):
    status = "error"
    details = factory.SubFactory(_CopayErrorDetails)


class CopayTriage(CopaySuccess):
    status = "triage"
    details = factory.SubFactory(_CopayTriageDetails, message="This copay has been moved to Triage status")


class PriorAuth(_Request):
    callback_type = "PRIOR_AUTH"
    status = "new"
    details = factory.SubFactory(_PriorAuthDetails)


class CoverageFound(_Request):
    callback_type = "COVERAGE"
    status = "success"
    details = factory.SubFactory(
        _CoverageDetails, insurances=factory.List([factory.SubFactory(FoundInsurance)])
    )


class CoverageError(CoverageFound):
    status = "error"
    message = "Patient insurance is not found"
    details = factory.SubFactory(_CoverageDetails)


class _AboutAConsult(factory.DictFactory):  # type: ignore[misc]
    consult_id = factory.Sequence(lambda n: f"{n:024x}")
    timestamp = factory.Sequence(lambda n: START + n)


class Consult(_AboutAConsult):
    callback_type = "CONSULT"
    status = "assigned"
    details = factory.SubFactory(_ConsultDetails)


class File(_AboutAConsult):
    callback_type = "FILE"
    details = factory.SubFactory(_Details, documents=factory.List([factory.SubFactory(Document)]))


class NotifyRx(factory.DictFactory):  # type: ignore[misc]
    timestamp = factory.Sequence(lambda n: START + n)
    callback_type = "NOTIFY_RX"
    details = factory.SubFactory(_NotifyDetails)
