"""The types of all partners' callbacks together, and HealNow's against what reads them."""

from __future__ import annotations

import pytest

from partners.families import Families, Family
from partners.healnow.callbacks import SIGNALS
from partners.healnow.contract import CALLBACK_TYPES
from partners.healnow.families import FAMILIES
from partners.registry import partners_of
from statemachine import MACHINES
from statemachine.model import is_snapshot
from workers.reports.callback_types import CallbackTypes, Named, callback_types
from workers.reports.pull_reach import recordings

TYPES = callback_types()


def test_every_partner_says_what_its_callbacks_are_called() -> None:
    for partner in partners_of().values():
        families = partner.families()
        told = [*families.events.values(), *families.records.values()]
        assert told
        assert {family.kind for family in told} <= set(partner.kinds)


def test_every_callback_of_healnow_has_the_type_that_its_signal_stands_for() -> None:
    assert set(FAMILIES) == {signal for signal, _ in SIGNALS.values()}
    of_statuses = {SIGNALS[status][0]: name for name, status in reversed([*CALLBACK_TYPES.items()])}
    assert {signal: family.callback_type for signal, family in FAMILIES.items()} == of_statuses


def test_what_records_say_is_a_signal_of_their_machine() -> None:
    told = {(family.kind, family.recorded_as) for family in FAMILIES.values() if family.recorded_as}
    assert all(is_snapshot(signal) and signal in MACHINES[kind].rank for kind, signal in told)


def test_of_what_two_callbacks_say_alike_the_first_stands_for_the_record() -> None:
    assert TYPES.signals_recorded() == {
        ("payment", "seen:paid"): "payment:paid",
        ("payment", "seen:cancelled"): "payment:cancelled",
        ("payment", "seen:removed"): "payment:removed",
    }
    beyond = {one.signal: tuple(one.beyond) for one in recordings(TYPES)}
    assert beyond["payment:paid"] == ("seen:cancelled",)
    assert set(beyond["payment:removed"]) == {"seen:paid", "seen:cancelled"}
    assert beyond["payment:cancelled"] == beyond["payment:pending"] == ()


@pytest.mark.parametrize(
    ("family", "partner", "named"),
    [
        ("order", None, Named("truepill", "ORDER")),
        ("order", "truepill", Named("truepill", "ORDER")),
        ("payment:moto", None, Named("healnow", "prescription::moto")),
        ("payment", None, None),  # counted by its records
        ("letter", None, Named("?", "letter")),
        ("letter", "gone", Named("gone", "letter")),
    ],
)
def test_a_family_has_its_partners_name(family: str, partner: str | None, named: Named | None) -> None:
    assert TYPES.named(family, partner) == named


def test_a_family_of_two_partners_is_of_whose_copy_it_is() -> None:
    two = CallbackTypes(
        {
            "a": Families(events={"order": Family("ORDER", "fill_request")}),
            "b": Families(events={"order": Family("STATUS", "fill_request")}),
        }
    )
    assert two.shared == ["order"]
    assert [two.named("order", name) for name in ("a", "b", None)] == [
        Named("a", "ORDER"),
        Named("b", "STATUS"),
        Named("?", "order"),
    ]
    assert two.names() == [Named("a", "ORDER"), Named("b", "STATUS")]
    assert two.families([Named("b", "STATUS")]) == ["order"]
    assert TYPES.shared == []
