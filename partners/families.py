"""Which callback a fact stands for, as each partner's folder says it. Pure.

What a partner lost is counted over facts (`workers.reports.loss_days`), by the family of their signal,
whatever way a copy came. A partner that gives events has its types by what stands before the colon of a
signal. One that has only records to read has them by whole signals: there each says which record's signal
says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Families", "Family", "no_families"]


class Family(NamedTuple):
    """A callback type, and the kind that it is about.

    `names_itself`: a pulled copy itself says whose it is. Where it does, reading the type by time brings
    every one; where not, its request has to be asked.

    Of a partner without events to be read: `recorded_as` is the signal of a record that says the same, None
    where none does; `listed_in` the stream that, read whole, has to hold it.
    """

    callback_type: str
    kind: str
    names_itself: bool = False
    recorded_as: str | None = None
    listed_in: str | None = None


class Families(NamedTuple):
    """A partner's types: by family of signals where it gives events, by signal where it gives records.

    `secondary` are signals that a callback states beside its main fact: they are not counted.
    """

    events: Mapping[str, Family] = MappingProxyType({})
    records: Mapping[str, Family] = MappingProxyType({})
    secondary: frozenset[str] = frozenset()


def no_families() -> Families:
    """Of a partner that says nothing of them: its facts are in no ledger of losses."""
    return Families()
