"""Which callback a fact stands for."""

from __future__ import annotations

from partners.truepill.callbacks import _READERS
from partners.truepill.families import FAMILIES, SECONDARY
from partners.truepill.partner import PARTNER
from statemachine import MACHINES
from statemachine.model import is_snapshot
from store.pulls import streams
from workers.pull.event_streams import EventStreams
from workers.pull.offers import BY_REQUEST

#: Facts that are derived from others: no callback states them.
DERIVED = {("copay", "pa"), ("fill_request", "payment")}


def family_of(signal: str) -> str:
    """As `store.reports.loss.FAMILY` has it."""
    return signal.partition(":")[0]


def test_every_signal_of_every_machine_is_a_callbacks_or_is_known_to_be_none() -> None:
    families = {
        (machine.kind, family_of(signal))
        for machine in map(MACHINES.__getitem__, PARTNER.kinds)
        for rules in machine.table.values()
        for signal in rules
        if not is_snapshot(signal)
    }
    assert families == {(family.kind, name) for name, family in FAMILIES.items()} | DERIVED


def test_every_type_that_can_be_read_has_one_family() -> None:
    types = [family.callback_type for family in FAMILIES.values()]
    # The same event under two names: one is pushed, the other given to pulls.
    assert sorted([*types, "DIRECT_TRANSFER_V2"]) == sorted(_READERS)
    assert {name: _READERS[one.callback_type].kind for name, one in FAMILIES.items()} == {
        name: one.kind for name, one in FAMILIES.items()
    }


def test_what_a_callback_states_beside_its_main_fact_is_a_signal_of_its_family() -> None:
    signals = {
        signal for machine in MACHINES.values() for rules in machine.table.values() for signal in rules
    }
    assert signals >= SECONDARY
    assert {family_of(signal) for signal in SECONDARY} <= set(FAMILIES)


def test_the_streams_that_confirm_are_those_that_are_pulled() -> None:
    assert FAMILIES["rx"].callback_type.lower() == streams.NOTIFY
    polled = {one.kind for one in FAMILIES.values()} - {streams.FILLS, "prescription"}
    assert polled == set(BY_REQUEST)
    assert {streams.FILLS, streams.REQUESTS} < set(EventStreams.one_by_one)
