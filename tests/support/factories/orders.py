"""Bodies about fill requests: orders, shipments and order claims."""

from __future__ import annotations

import factory

from tests.support.factories.base import Details, Envelope, RequestedMedication

__all__ = [
    "FilledMedication",
    "OrderClaim",
    "OrderError",
    "OrderSuccess",
    "OrderTriage",
    "OwedMedication",
    "RefusedMedication",
    "Shipment",
]


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


class _SuccessDetails(Details):
    message = "Your fill request was processed and is pending shipment."
    date_filled = "N/A"
    medications = factory.List([factory.SubFactory(FilledMedication), factory.SubFactory(FilledMedication)])
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    tracking_url = factory.LazyAttribute(lambda o: f"https://carrier.example/track?n={o.tracking_number}")
    tracking_number = factory.Sequence(lambda n: f"{92_001_902_453_595_000_000_000_000 + n}")
    carrier = "usps"
    patient_token = factory.Sequence(lambda n: f"pat{n:013x}")


class _TriageDetails(Details):
    message = "This order has been moved to Triage status"
    code = "T001"
    description = "Invalid Address"
    additional_information = None
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    medications = factory.List(
        [factory.SubFactory(RequestedMedication), factory.SubFactory(RequestedMedication)]
    )


class _ErrorDetails(Details):
    error_code = "NR"
    description = "Rejected: No Refills Remaining"
    message = None
    order_token = factory.Sequence(lambda n: f"ord{n:03x}")
    medications = factory.List(
        [factory.SubFactory(RequestedMedication), factory.SubFactory(RequestedMedication)]
    )


class _ShipmentDetails(Details):
    status = "TRANSIT"
    message = "In Transit, Arriving On Time"
    eta = "2020-06-02T00:54:31.838Z"
    tracking_number = factory.Sequence(lambda n: f"{92_001_902_453_595_000_000_000_000 + n}")
    tracking_url = factory.LazyAttribute(lambda o: f"https://carrier.example/track?n={o.tracking_number}")
    carrier = "usps"


class _ClaimDetails(Details):
    medications = factory.List([factory.SubFactory(OwedMedication)])


class OrderSuccess(Envelope):
    callback_type = "ORDER"
    status = "success"
    details = factory.SubFactory(_SuccessDetails)


class OrderTriage(Envelope):
    callback_type = "ORDER"
    status = "triage"
    details = factory.SubFactory(_TriageDetails)


class OrderError(Envelope):
    callback_type = "ORDER"
    status = "error"
    details = factory.SubFactory(_ErrorDetails)


class Shipment(Envelope):
    callback_type = "SHIPMENT"
    status = "success"
    details = factory.SubFactory(_ShipmentDetails)


class OrderClaim(Envelope):
    callback_type = "ORDER_CLAIM"
    status = "success"
    details = factory.SubFactory(_ClaimDetails)
