"""Bodies about all else: transfers, copays, prior authorizations, coverages, consults and prescriptions."""

from __future__ import annotations

import factory

from tests.support.factories.base import START, Details, Envelope, RequestedMedication

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
    "FoundInsurance",
    "NotifyRx",
    "PricedPrescription",
    "PriorAuth",
    "RefusedPrescription",
    "Transfer",
    "TransferContact",
    "TransferError",
    "TransferredMedication",
]


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


class _PatientDetails(Details):
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


class _ConsultDetails(Details):
    provider = "Dr. Mockdoc"


class _NotifyDetails(factory.DictFactory):  # type: ignore[misc]
    medication_name = "Atorvastatin 40 mg tablet"
    prescriber = "Dr. Mockdoc"
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")
    patient_token = factory.Sequence(lambda n: f"pat{n:013x}")
    location = "Hayward, CA"


class _Request(Envelope):
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
    details = factory.SubFactory(Details, documents=factory.List([factory.SubFactory(Document)]))


class NotifyRx(factory.DictFactory):  # type: ignore[misc]
    timestamp = factory.Sequence(lambda n: START + n)
    callback_type = "NOTIFY_RX"
    details = factory.SubFactory(_NotifyDetails)
