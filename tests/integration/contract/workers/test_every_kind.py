"""The life of every kind, in any order, split and mix of push and pull, in PostgreSQL as in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.truepill import callbacks
from statemachine import MACHINES, Fact, Step
from statemachine.clocks import deadline
from store.inbox.model import ClaimedCopy
from tests.integration.contract.workers.test_apply import LIFE, RETURN, T0
from tests.support.factories import (
    Consult,
    CopayError,
    CopaySuccess,
    CopayTriage,
    CoverageError,
    CoverageFound,
    DirectTransfer,
    File,
    NotifyRx,
    OrderClaim,
    OrderError,
    OrderSuccess,
    OrderTriage,
    PriorAuth,
    Shipment,
    Transfer,
    TransferContact,
    TransferError,
)
from tests.support.ledger import Ledger
from tests.support.reading import reading_with
from workers.apply.batch import apply_queued
from workers.apply.model import Tools
from workers.apply.read import read_batch
from workers.apply.replay import replay

#: One life a kind, told by the callbacks that the partner documents; the last two share a second.
LIVES: dict[str, list[dict[str, Any]]] = {
    "fill_request": [
        dict(OrderClaim(timestamp=T0 - 60)),
        *[dict(event) for event in LIFE if isinstance(event, dict)],
        RETURN,
    ],
    "transfer": [
        dict(TransferContact(timestamp=T0)),
        dict(TransferContact(timestamp=T0 + 60, status="error")),
        dict(TransferError(timestamp=T0 + 120)),
        dict(Transfer(timestamp=T0 + 120)),
    ],
    "direct_transfer": [
        dict(DirectTransfer(timestamp=T0, status="error")),
        dict(DirectTransfer(timestamp=T0)),
    ],
    "copay": [
        dict(CopayTriage(timestamp=T0)),
        dict(CopayError(timestamp=T0 + 60)),
        dict(CopaySuccess(timestamp=T0 + 120)),
        dict(CopaySuccess(timestamp=T0 + 120)),
    ],
    "prior_auth": [
        dict(PriorAuth(timestamp=T0 + 10 * n, status=status))
        for n, status in enumerate(("new", "pending", "submitted", "declined", "appealed", "approved"))
    ],
    "consult": [
        *[
            dict(Consult(timestamp=T0 + 10 * n, status=status))
            for n, status in enumerate(("assigned", "unassigned", "assigned", "review", "completed"))
        ],
        dict(File(timestamp=T0 + 40)),
    ],
    "coverage": [dict(CoverageError(timestamp=T0)), dict(CoverageFound(timestamp=T0 + 60))],
    "prescription": [dict(NotifyRx(timestamp=T0)), dict(NotifyRx(timestamp=T0 + 60))],
}
KEYS = (f"kind-{n}" for n in count())


def about(kind: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """The same news of another entity of its kind."""
    if kind == "consult":
        return {**body, "consult_id": key}
    if kind == "prescription":
        return {**body, "details": {**body["details"], "prescription_token": key}}
    if kind == "coverage":
        return {**body, "request_id": key, "details": {**body["details"], "coverage_request_token": key}}
    return {**body, "request_id": key}


def in_memory(ledger: Ledger, tools: Tools, kind: str, key: str, bodies: list[dict[str, Any]]) -> Any:
    """The fold of what these bodies state, without a database."""
    taken = []
    for n, body in enumerate(bodies):
        arrival = ledger.arrival(body)
        taken.append(ClaimedCopy(n, arrival.id, "truepill", "push", arrival.received_at, arrival.sealed))
    read = read_batch(taken, tools)
    assert read.quarantined == []
    facts: list[Fact] = [statement.fact for statement in read.stated_facts[kind, key]]
    return MACHINES[kind].fold(facts)


@pytest.mark.parametrize("kind", sorted(LIVES))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_arrival_of_a_life_gives_the_state_and_history_that_memory_folds(
    ledger: Ledger, tools: Tools, kind: str, data: st.DataObject
) -> None:
    key = next(KEYS)
    life = [about(kind, key, body) for body in LIVES[kind]]
    expected, steps = in_memory(ledger, tools, kind, key, life)
    arrivals = data.draw(st.permutations([*life, data.draw(st.sampled_from(life))]))
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        seqs = [
            seq
            for body in batch
            for seq in ledger.admit(body, via=data.draw(st.sampled_from(["push", "pull"])))
        ]
        apply_queued(ledger.conn, seqs, ledger.tools)
    story = ledger.story(key, kind)
    assert story.stored == story.folded == expected
    assert [_told(step) for step in story.steps] == [_told(step) for step in steps]
    row = ledger.conn.execute(
        "SELECT extract(epoch FROM deadline)::bigint FROM entities WHERE (kind, key) = (%s, %s)", (kind, key)
    ).fetchone()
    assert row == (deadline(MACHINES[kind], expected, None),)


def _told(step: Step) -> tuple[object, ...]:
    return (step.fact, step.verdict, step.before, step.after, step.gap)


def test_a_body_of_two_hundred_medications_is_one_fact(ledger: Ledger) -> None:
    many = dict(OrderSuccess(timestamp=T0))
    many["details"] = {**many["details"], "medications": many["details"]["medications"] * 100}
    assert ledger.apply(many).applied == 1
    (step,) = ledger.story(many["request_id"]).steps
    assert len(step.fact.lines) == 200


def test_ten_thousand_facts_of_one_consult_in_reverse_are_one_history(ledger: Ledger) -> None:
    """Every batch comes before all that is known, so each one folds the whole history anew."""
    template = dict(Consult(status="review"))
    for start in range(9_500, -1, -500):
        batch = [{**template, "consult_id": "busy", "timestamp": T0 + start + n} for n in range(500)]
        assert ledger.apply(*batch).applied == 500
    story = ledger.story("busy", "consult")
    assert story.stored == story.folded
    assert [step.fact.occurred_at for step in story.steps] == list(range(T0, T0 + 10_000))


def test_a_new_token_supersedes_the_old_one_from_one_callback(ledger: Ledger) -> None:
    news = dict(NotifyRx(timestamp=T0))
    news["details"] = {**news["details"], "prescription_token": "old", "transfer_prescription_token": "new"}
    ledger.apply(news)
    assert ledger.story("old", "prescription").stored.state == "superseded"
    assert ledger.story("new", "prescription").stored.state == "received"


def test_each_change_of_state_is_told_once_whatever_came_twice(ledger: Ledger) -> None:
    triage, success = (
        dict(f(request_id="f1", timestamp=T0 + n)) for n, f in enumerate((OrderTriage, OrderSuccess))
    )
    ledger.apply(triage)
    ledger.apply({**triage, "note": "again"}, Shipment(request_id="f2", timestamp=T0))
    ledger.apply(success)
    ledger.apply(OrderError(request_id="f1", timestamp=T0 - 60))
    told = ledger.conn.execute(
        "SELECT e.key, from_state, to_state, c.review IS NOT NULL FROM changes_unplaced c "
        "JOIN entities e ON e.id = c.entity_id ORDER BY c.seq"
    ).fetchall()
    assert told == [
        ("f1", None, "triage", False),
        ("f2", None, "in_transit", False),
        ("f1", "triage", "completed", False),
        ("f1", "completed", "rejected", True),
    ]


def test_a_state_that_was_never_committed_is_no_change(ledger: Ledger) -> None:
    """One batch tells where it ends, a refold only when it ends elsewhere; the history has every state."""
    triage, success = (
        OrderTriage(request_id="f1", timestamp=T0),
        OrderSuccess(request_id="f1", timestamp=T0 + 5),
    )
    shipped = [
        Shipment(request_id="f1", timestamp=T0 + 10 * n, details__status=status)
        for n, status in enumerate(("TRANSIT", "FAILURE", "DELIVERED"), 1)
    ]
    ledger.apply(triage, success)
    ledger.apply(*shipped)
    ledger.apply(OrderTriage(request_id="f1", timestamp=T0 + 1))
    told = ledger.conn.execute("SELECT from_state, to_state FROM changes_unplaced ORDER BY seq").fetchall()
    assert told == [(None, "completed"), ("completed", "delivered")]
    states = [step.after for step in ledger.story("f1").steps]
    assert states == ["triage", "triage", "completed", "in_transit", "delivery_failed", "delivered"]


def test_what_the_contract_does_not_say_is_counted_by_name_and_never_by_value(ledger: Ledger) -> None:
    odd = {**OrderTriage(timestamp=T0), "surprise": "Jane Canary"}
    ledger.apply(odd, {**odd, "request_id": "f9"}, {"callback_type": "WEATHER", "timestamp": T0})
    rows = ledger.conn.execute("SELECT what, callback_type, name, count FROM drift ORDER BY 1, 2").fetchall()
    assert rows == [("field", "ORDER", "surprise", 2), ("type", "WEATHER", "WEATHER", 1)]


def test_a_replay_takes_back_what_an_event_it_reads_along_no_longer_states(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One callback speaks of two prescriptions; read anew because of the first, it drops the second."""
    moved = dict(NotifyRx(timestamp=T0 + 60))
    moved["details"] = {**moved["details"], "prescription_token": "old", "transfer_prescription_token": "new"}
    plain = about("prescription", "old", dict(NotifyRx(timestamp=T0)))
    (first,) = ledger.admit(plain)
    apply_queued(ledger.conn, [first, *ledger.admit(moved)], ledger.tools)
    assert ledger.story("new", "prescription").stored.state == "received"

    def of_the_old_one_alone(body: bytes, hash: Any, url_id: str | None) -> Any:
        reading = callbacks.read(body, hash)
        return reading._replace(stated=tuple(s for s in reading.stated if s.key == "old"))

    monkeypatch.setattr("workers.apply.read.readers", reading_with(truepill=of_the_old_one_alone))
    replay(ledger.conn, [first], ledger.tools, dry_run=False)
    assert ledger.story("old", "prescription").stored.state == "superseded"
    assert ledger.story("new", "prescription").steps == []
