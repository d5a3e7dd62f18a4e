"""What facts are called as callbacks, and of which partner: the families of all partners together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from partners.families import Families, Family
from partners.registry import partners_of

__all__ = ["CallbackTypes", "Named", "callback_types"]

#: Stands for the partner of a fact that none of those that there are speaks of.
NOBODY = "?"


class Named(NamedTuple):
    """A partner's callback type."""

    partner: str
    callback_type: str


class CallbackTypes:
    """The families of these partners, by their names."""

    def __init__(self, of: Mapping[str, Families]) -> None:
        self._of = of
        owners: dict[str, list[str]] = {}
        for partner, families in of.items():
            for family in families.events:
                owners.setdefault(family, []).append(partner)
        self._owners = owners
        #: Families that several partners have: whose a fact of one is, its copy has to tell.
        self.shared = sorted(family for family, found in owners.items() if len(found) > 1)
        self.secondary = sorted({signal for families in of.values() for signal in families.secondary})
        self._by_signal = {
            signal: Named(partner, family.callback_type)
            for partner, families in of.items()
            for signal, family in families.records.items()
        }
        self._by_records = {signal.partition(":")[0] for signal in self._by_signal}

    def events(self) -> Iterator[tuple[str, str, Family]]:
        """(partner, family, what it is) of those that give events."""
        return ((name, key, one) for name, of in self._of.items() for key, one in of.events.items())

    def records(self) -> Iterator[tuple[str, str, Family]]:
        """(partner, signal, what it is) of those that give records alone."""
        return ((name, key, one) for name, of in self._of.items() for key, one in of.records.items())

    def names(self) -> list[Named]:
        """Every type that there is."""
        told = {Named(partner, one.callback_type) for partner, _, one in (*self.events(), *self.records())}
        return sorted(told)

    def families(self, wanted: Iterable[Named]) -> list[str]:
        """The families of events that have one of these types."""
        asked = set(wanted)
        return sorted({key for partner, key, one in self.events() if (partner, one.callback_type) in asked})

    def signals_recorded(self) -> dict[tuple[str, str], str]:
        """By kind and a record's signal, the callbacks' signal that it stands for: the first that it may."""
        found: dict[tuple[str, str], str] = {}
        for _, signal, family in self.records():
            if family.recorded_as is not None:
                found.setdefault((family.kind, family.recorded_as), signal)
        return found

    def named(self, family: str, partner: str | None = None) -> Named | None:
        """What a fact of this family, or of this whole signal, is called; `partner` where several have it.

        None for a family that is counted by its records: there the signal has a name.
        """
        found = self._by_signal.get(family)
        if found is not None or family in self._by_records:
            return found
        owners = self._owners.get(family, ())
        owner = partner if partner in owners else owners[0] if len(owners) == 1 else None
        if owner is None:
            return Named(partner or NOBODY, family)
        return Named(owner, self._of[owner].events[family].callback_type)


@cache
def callback_types(folders: tuple[Path, ...] = ()) -> CallbackTypes:
    """Of the partners that come along, and of these folders."""
    return CallbackTypes({name: one.families() for name, one in partners_of(folders).items()})
