"""Records as the partner's GETs answer them, made to measure: each factory gives a dict.

Fields are those that the reference prints, or, for direct transfers, copays and items of a list of consults,
those that the live contract is known to have.
"""

from __future__ import annotations

from typing import Any

import factory

from partners.truepill.envelopes import envelopes

__all__ = [
    "ClaimRecord",
    "ConsultItem",
    "CopayRecord",
    "DirectRecord",
    "FillRecord",
    "ListedTransfer",
    "Medication",
    "RxRecord",
    "TransferRecord",
    "enveloped",
]


def enveloped(resource: str, answer: Any, *, at: int, of: str | None = None) -> bytes:
    """The one envelope of an answer."""
    (one,) = envelopes(resource, answer, asked_at=at, asked_for=of)
    return one.body


class FillRecord(factory.DictFactory):  # type: ignore[misc]
    patient_first_name = "Bruce"
    metadata = "cfe146"
    url_token = "a1b2c3"
    status = "pending"
    created_at = "2021-01-01T00:00:00.000Z"
    error_code: str | None = None
    rejection_reason: str | None = None
    additional_rejection_details: str | None = None
    triage_reason: str | None = None
    additional_triage_details: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None


class Medication(factory.DictFactory):  # type: ignore[misc]
    """One of a single transfer's; the items of a list have but the first and the last of these."""

    url_token = factory.Sequence(lambda n: f"{n:012x}")
    rejection_reason: str | None = None
    rejection_reason_other: str | None = None
    prescription: dict[str, Any] | None = None
    medication_name = "Prednisone"


class ListedTransfer(factory.DictFactory):  # type: ignore[misc]
    created_at = "2019-05-29T21:14:11.000Z"
    url_token = factory.Sequence(lambda n: f"{n:012x}")
    status = "pending"
    transfer_medications = factory.LazyFunction(
        lambda: [{"url_token": "10cb9171ee0c", "medication_name": "Prednisone"}]
    )


class TransferRecord(ListedTransfer):
    cancel_reason: str | None = None
    cancel_reason_other: str | None = None
    metadata = "cfe146"
    transfer_medications = factory.List([factory.SubFactory(Medication)])
    messages = factory.List([])


class DirectRecord(factory.DictFactory):  # type: ignore[misc]
    created_at = "2026-02-01T10:00:00.000Z"
    updated_at = "2026-02-01T10:00:00.000Z"
    request_id = factory.Sequence(lambda n: f"{n:032x}")
    direct_transfer_token = factory.Sequence(lambda n: f"dir{n:07x}")
    status = "pending"
    message: str | None = None
    prescription_token: str | None = None


class CopayRecord(factory.DictFactory):  # type: ignore[misc]
    request_id = factory.Sequence(lambda n: f"{n:032x}")
    copay_request_token = factory.Sequence(lambda n: f"cop{n:013x}")
    status = "pending"
    error_code: str | None = None
    triage_reason: str | None = None
    updated_at = "2026-02-01T10:00:00.500Z"
    prescriptions = factory.List([])


class ConsultItem(factory.DictFactory):  # type: ignore[misc]
    id = factory.Sequence(lambda n: f"{n:024x}")
    status = "assigned"
    updated_at = "2026-02-01T10:00:00.000Z"
    prescriptions = factory.List([])
    provider: dict[str, Any] | None = None


class ClaimRecord(factory.DictFactory):  # type: ignore[misc]
    patient_copay_amount: float | str | None = 2.42
    transaction_code = "B1"
    transaction_status = "PAID"
    claim_type = "BILLING"
    transmission_date: str | None = "2026-02-02T02:40:00.000Z"
    insurance_type = "PRIMARY"
    payor = "Health Partners"


class RxRecord(factory.DictFactory):  # type: ignore[misc]
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")
    medication_name = "Luthera"
    rx_number = "1144478"
    fillable = True
    current_rx_status_text = "On Hold"
