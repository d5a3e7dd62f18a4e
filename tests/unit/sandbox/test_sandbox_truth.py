"""The sandbox's own model of what events say agrees with the reading of production code, made apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from partners.truepill.callbacks import read
from sandbox.outcome import DONE
from sandbox.truepill.truth import said, state_after
from sandbox.truth import Said
from statemachine import MACHINES
from tests.support.printed import CALLBACK_NAMES, CALLBACKS
from tests.support.reading import keyed


def of(name: str) -> tuple[list[Said], Any]:
    """What the sandbox says of a printed callback, and what is read from it."""
    body = json.loads((CALLBACKS / f"{name}.json").read_text())
    reading = read(json.dumps(body).encode(), keyed)
    first = reading.stated[0]
    return said(first.kind, str(first.key), body["callback_type"], body), reading.stated


@pytest.mark.parametrize("name", CALLBACK_NAMES)
def test_every_printed_callback_says_what_is_read_from_it(name: str) -> None:
    rows, stated = of(name)
    assert [row[:3] for row in rows] == [(row.kind, row.key, row.fact.signal) for row in stated]


@pytest.mark.parametrize("name", CALLBACK_NAMES)
def test_every_printed_success_says_of_its_lines_what_is_read_from_it(name: str) -> None:
    """What else has lines, such as the medications of a triage, says nothing of what came of them."""
    rows, stated = of(name)
    for row, read_row in zip(rows, stated, strict=True):
        if row.signal in DONE:
            assert [status for _, status in row.lines] == [line.status for line in read_row.fact.lines]
            told = [token or None for token, status in row.lines if status != "rejected"]
            assert told == [line.token for line in read_row.fact.lines if line.status != "rejected"]
        else:
            assert row.lines == ()


@pytest.mark.parametrize("name", CALLBACK_NAMES)
def test_every_printed_callback_alone_leads_where_its_machine_leads(name: str) -> None:
    rows, stated = of(name)
    for row, read_row in zip(rows, stated, strict=True):
        summary, _ = MACHINES[row.kind].fold([read_row.fact])
        assert state_after(None, row) == summary.state


def follow(kind: str, *signals: str) -> str | None:
    state = None
    for signal in signals:
        state = state_after(state, Said(kind, "key", signal))
    return state


@pytest.mark.parametrize(
    ("kind", "signals", "state"),
    [
        ("fill_request", ["claim:owed"], "awaiting_payment"),
        ("fill_request", ["claim:settled"], "pending"),
        ("fill_request", ["claim:owed", "claim:settled"], "pending"),
        ("fill_request", ["order:success", "shipment:unknown"], "completed"),
        ("fill_request", ["order:success", "shipment:transit", "shipment:delivered"], "delivered"),
        ("fill_request", ["claim:owed", "order:unpaid"], "cancelled"),
        ("fill_request", ["order:success", "order:transferred_out"], "rejected"),
        ("fill_request", ["order:success", "shipment:transit", "order:returned"], "returned"),
        ("transfer", ["contact:error", "transfer:success"], "completed"),
        ("copay", ["copay:rejected", "copay:success"], "completed"),
        ("prior_auth", ["pa:new", "pa:submitted", "pa:declined", "pa:appealed"], "appealed"),
        ("consult", ["file:received"], "unassigned"),
        ("consult", ["consult:assigned", "consult:unassigned"], "unassigned"),
        ("prescription", ["rx:received", "rx:superseded"], "superseded"),
        ("prescription", ["rx:superseded", "rx:received"], "superseded"),
    ],
)
def test_a_life_ends_where_its_events_lead(kind: str, signals: list[str], state: str) -> None:
    assert follow(kind, *signals) == state


def test_a_surprise_leaves_an_entity_where_it_was() -> None:
    triage = Said("fill_request", "key", "order:triage")
    assert state_after("completed", triage, idle=True) == "completed"
    assert state_after(None, triage, idle=True) == "pending"


def test_an_event_of_an_unknown_type_says_nothing() -> None:
    assert said("fill_request", "key", "PHARMACY_NOTE", {"callback_type": "PHARMACY_NOTE"}) == []
