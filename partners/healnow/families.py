"""Which callback a payment's fact stands for. HealNow gives no events to be read, so records confirm them.

The list of orders is read whole, and every payment that was made is in an order. What was cancelled or
removed stands in the prescription's record alone, which is not read all the time: nobody has to find it
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from partners.families import Families, Family

__all__ = ["FAMILIES", "families"]

#: By signal. Of two that a record tells alike the first is what it stands for. That a payment is pending is
#: in every cart, and in no record any more once it is paid: no record says that its callback was lost.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "payment:pending": Family("prescription::pending", "payment"),
        "payment:paid": Family("prescription::paid", "payment", recorded_as="seen:paid", listed_in="orders"),
        "payment:moto": Family("prescription::moto", "payment", recorded_as="seen:paid", listed_in="orders"),
        "payment:cancelled": Family("prescription::canceled", "payment", recorded_as="seen:cancelled"),
        "payment:removed": Family("prescription::removed", "payment", recorded_as="seen:removed"),
    }
)


def families() -> Families:
    """For the registry."""
    return Families(records=FAMILIES)
