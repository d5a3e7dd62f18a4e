"""Which callback a fact of the pharmacy stands for: the family of its signal is a type, however a copy came.

The type that a copy names is no help there: the partner pushes one event under one name and gives it to
pulls under another (DIRECT_TRANSFER, DIRECT_TRANSFER_V2).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from partners.families import Families, Family

__all__ = ["FAMILIES", "SECONDARY", "families"]


#: By what stands before the colon of a signal. Families of snapshots and derived facts are no callbacks.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "order": Family("ORDER", "fill_request"),
        "shipment": Family("SHIPMENT", "fill_request"),
        "claim": Family("ORDER_CLAIM", "fill_request"),
        "transfer": Family("TRANSFER", "transfer"),
        "contact": Family("TRANSFER_CONTACT", "transfer"),
        "direct_transfer": Family("DIRECT_TRANSFER", "direct_transfer"),
        "copay": Family("COPAY", "copay"),
        "pa": Family("PRIOR_AUTH", "prior_auth"),
        "coverage": Family("COVERAGE", "coverage"),
        "consult": Family("CONSULT", "consult", names_itself=True),
        "file": Family("FILE", "consult", names_itself=True),
        "rx": Family("NOTIFY_RX", "prescription", names_itself=True),
    }
)
#: What a callback states beside its main fact: a NOTIFY_RX that names a successor says that one was received
#: and the other superseded, and is one callback.
SECONDARY = frozenset({"rx:superseded"})


def families() -> Families:
    """For the registry."""
    return Families(events=FAMILIES, secondary=SECONDARY)
