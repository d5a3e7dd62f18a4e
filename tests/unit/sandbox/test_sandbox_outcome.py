"""Outcome and lines of a thing, by all that was said of it in its order."""

from __future__ import annotations

import pytest

from sandbox.outcome import NEW, Standing, standing_after
from sandbox.truth import Line, Said


def follow(kind: str, *said: tuple[str, *tuple[Line, ...]]) -> Standing:
    """Where these signals, each with its lines, lead."""
    standing = NEW
    for signal, *lines in said:
        row = Said(kind, "key", signal, tuple(lines))
        standing = standing_after(standing, row, surprise=False, contradicts=False)
    return standing


PRICED, REFUSED = ("a", "completed"), ("b", "rejected")


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ((("a", "filled"), ("b", "filled")), "full"),
        ((("a", "filled"), ("b", "rejected")), "partial"),
        ((("a", "rejected"),), "none"),
        ((), None),
        ((("a", "filled"), ("a", "rejected")), "partial"),
    ],
)
def test_the_lines_of_a_success_make_the_outcome(lines: tuple[Line, ...], outcome: str | None) -> None:
    assert follow("fill_request", ("order:success", *lines)).outcome == outcome


def test_what_is_rejected_or_cancelled_has_come_to_nothing() -> None:
    filled = ("order:success", ("a", "filled"))
    assert follow("fill_request", ("order:rejected",)).outcome == "none"
    assert follow("fill_request", filled, ("order:cancelled",)).outcome == "none"
    assert follow("transfer", ("transfer:cancelled",)).outcome == "none"


def test_a_parcel_that_comes_back_undoes_no_filling() -> None:
    filled = ("order:success", ("a", "filled"))
    for back in ("shipment:returned", "order:returned"):
        assert follow("fill_request", filled, ("shipment:transit",), (back,)).outcome == "full"


def test_while_it_is_open_nothing_has_come_back() -> None:
    for signal in ("order:triage", "claim:owed"):
        assert follow("fill_request", (signal,)).outcome is None
    assert follow("copay", ("copay:success", PRICED), ("copay:triage",)).outcome is None


def test_the_answers_of_a_copay_add_up_by_prescription() -> None:
    """After an approval the answer lists that prescription alone, and the others keep what was said."""
    first = ("copay:success", PRICED, REFUSED)
    assert follow("copay", first).outcome == "partial"
    approved = follow("copay", first, ("copay:success", ("b", "completed")))
    assert (approved.outcome, approved.lines) == ("full", {"a": "completed", "b": "completed"})
    denied = follow("copay", first, ("copay:success", ("b", "rejected")))
    assert (denied.outcome, denied.lines) == ("partial", dict([PRICED, REFUSED]))


def test_the_lines_of_another_order_success_take_the_place_of_those_before() -> None:
    standing = follow(
        "fill_request", ("order:success", ("a", "rejected")), ("order:success", ("b", "filled"))
    )
    assert (standing.outcome, standing.lines) == ("full", {"b": "filled"})


def test_what_contradicts_on_purpose_changes_nothing_and_is_remembered() -> None:
    done = follow("fill_request", ("order:success", ("a", "filled")), ("shipment:delivered",))
    after = standing_after(
        done, Said("fill_request", "key", "shipment:failure"), surprise=False, contradicts=True
    )
    assert after == done._replace(contradicted=True)


def test_a_surprise_changes_nothing_and_is_no_contradiction() -> None:
    done = follow("fill_request", ("order:success", ("a", "filled")))
    triage = Said("fill_request", "key", "order:triage")
    assert standing_after(done, triage, surprise=True, contradicts=False) == done


def test_a_kind_without_lines_has_no_outcome() -> None:
    assert follow("consult", ("consult:rejected",)).outcome is None
    assert follow("direct_transfer", ("direct_transfer:error",)).outcome is None
