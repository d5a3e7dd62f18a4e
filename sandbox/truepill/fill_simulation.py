"""What the simulation of a fill request takes: what is documented, and the sandbox's own.

`error` and `claims` are the reference's ("Fill Request" and "Insurance Fulfillment" of its simulations). The
sandbox's own, of `simulation.order`: `triage`, the reasons for which the order has to wait before it is done,
or before the `error`; `parcels`, what the carrier says of each parcel in its order; `afterwards`, what the
pharmacy says of the order once the carrier has said all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sandbox.endpoint import Body, Text

__all__ = ["OrderSimulation", "Simulation", "scan_contradicts"]

#: "Shipment Webhook Event Statuses".
Scan = Literal["UNKNOWN", "PRE_TRANSIT", "TRANSIT", "DELIVERED", "RETURNED", "FAILURE"]
#: Amounts drift between numbers and strings: what comes is kept.
Amount = (
    Annotated[float, Field(ge=0, le=10**9)] | Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$")]
)
MOST_PARCELS = 2
MOST_SCANS = 20
MOST_NEWS = 5
#: What a carrier may say of a parcel after what it said last. UNKNOWN may stand anywhere.
FOLLOWING: Mapping[str, frozenset[str]] = {
    "PRE_TRANSIT": frozenset({"PRE_TRANSIT", "TRANSIT", "DELIVERED", "RETURNED", "FAILURE"}),
    "TRANSIT": frozenset({"TRANSIT", "DELIVERED", "RETURNED", "FAILURE"}),
    "FAILURE": frozenset({"TRANSIT", "DELIVERED", "RETURNED", "FAILURE"}),
    "DELIVERED": frozenset({"DELIVERED", "RETURNED"}),
    "RETURNED": frozenset({"RETURNED"}),
}
#: With these a carrier contradicts itself: a person has to look where the parcel is.
CONTRADICTING: Mapping[str, frozenset[str]] = {
    "DELIVERED": frozenset({"FAILURE"}),
    "RETURNED": frozenset({"DELIVERED"}),
}


def scan_contradicts(before: Iterable[str], scan: str) -> bool:
    """Whether a scan contradicts what was said of the same parcel before."""
    return scan in CONTRADICTING.get(_standing(before), ())


def _standing(scans: Iterable[str]) -> str:
    """What was said last that says anything; no parcel is further back than one that waits."""
    return next((scan for scan in reversed([*scans]) if scan != "UNKNOWN"), "PRE_TRANSIT")


def _course(scans: list[Scan]) -> list[Scan]:
    for place, scan in enumerate(scans):
        before = scans[:place]
        if scan == "UNKNOWN" or scan_contradicts(before, scan):
            continue
        if scan not in FOLLOWING[_standing(before)]:
            raise ValueError(f"{scan} cannot follow {_standing(before)}")
    return scans


Course = Annotated[list[Scan], Field(max_length=MOST_SCANS), AfterValidator(_course)]


class Claim(Body):
    copay_amount: Amount | None = None
    error_code: Text | None = None
    error_message: str | None = None


class Triage(Body):
    """A reason of "Table of Triage Codes & Associated Information"; others are taken as they come."""

    code: Text = "T007"
    additional_information: str | None = None


class Afterwards(Body):
    """An error by its code, or a triage."""

    error: Text | None = None
    triage: Triage | None = None


class OrderSimulation(Body):
    error: Text | None = None
    claims: list[Claim] | None = None
    triage: Annotated[list[Triage], Field(max_length=MOST_NEWS)] = []
    parcels: Annotated[list[Course], Field(max_length=MOST_PARCELS)] = []
    afterwards: Annotated[list[Afterwards], Field(max_length=MOST_NEWS)] = []

    def course(self) -> dict[str, Any]:
        """What is kept of it with the fill."""
        return self.model_dump(include={"triage", "parcels", "afterwards"})


class Simulation(Body):
    """The sample puts the error into `order`, the prose beside it: both are understood."""

    error: Text | None = None
    order: OrderSimulation = OrderSimulation()
