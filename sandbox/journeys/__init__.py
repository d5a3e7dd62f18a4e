"""What patients go through, as the requests that a customer makes for them: one small module each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.journeys.consult import CONSULT
from sandbox.journeys.copay import COPAY, COPAY_OF_SEVERAL
from sandbox.journeys.fill import FILL
from sandbox.journeys.payment import AMBIGUOUS, PAYMENT
from sandbox.journeys.transfer import DIRECT_TRANSFER, TRANSFER
from sandbox.journeys.trip import Journey, Trip
from sandbox.journeys.troubled_fill import CONTRADICTION, LOST_PARCEL, OVER_THE_COUNTER, PARCELS, TRIAGE

__all__ = ["JOURNEYS", "PAYMENTS", "Journey", "Trip", "possible"]

JOURNEYS = (
    FILL,
    TRIAGE,
    PARCELS,
    LOST_PARCEL,
    OVER_THE_COUNTER,
    CONTRADICTION,
    COPAY,
    COPAY_OF_SEVERAL,
    TRANSFER,
    DIRECT_TRANSFER,
    CONSULT,
)
#: With the payments partner.
PAYMENTS = (PAYMENT, AMBIGUOUS)


def possible(description: Mapping[str, Any], journeys: Sequence[Journey] = JOURNEYS) -> list[Journey]:
    """Those whose endpoints a sandbox has, by its OpenAPI description."""
    paths = description["paths"]
    return [
        journey
        for journey in journeys
        if all(method in paths.get(path, {}) for method, path in journey.needs)
    ]
