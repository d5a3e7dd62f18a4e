"""Bodies as Truepill sends them, made to measure: each factory gives a dict, `body` its bytes.

Sequences are deterministic within a process; what a test asserts on it passes in itself:

    OrderSuccess(request_id="fill_request_1", timestamp=1590800072)
    OrderSuccess(details__medications=[FilledMedication(), RefusedMedication()])
"""

from __future__ import annotations

from tests.support.factories.base import START, RequestedMedication, body
from tests.support.factories.orders import (
    FilledMedication,
    OrderClaim,
    OrderError,
    OrderSuccess,
    OrderTriage,
    OwedMedication,
    RefusedMedication,
    Shipment,
)
from tests.support.factories.requests import (
    Consult,
    CopayError,
    CopaySuccess,
    CopayTriage,
    CoverageError,
    CoverageFound,
    DirectTransfer,
    Document,
    File,
    FoundInsurance,
    NotifyRx,
    PricedPrescription,
    PriorAuth,
    RefusedPrescription,
    Transfer,
    TransferContact,
    TransferError,
    TransferredMedication,
)

__all__ = [
    "START",
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
