"""Snapshots in the ledger: any mix of pushes, pulls and records; what is stored; what is asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.envelopes import Envelope
from partners.truepill.envelopes import envelopes
from statemachine import MACHINES, Fact, Step
from store.inbox.model import ClaimedCopy
from store.ledger import aliases
from store.ledger.aliases import AliasRow
from store.ledger.registration import register
from store.pulls.record_schedule import DueRecord, ResumePoint, due_records
from tests.integration.contract.workers.test_apply import T0
from tests.integration.contract.workers.test_every_kind import LIVES, about
from tests.support.factories import (
    CopayTriage,
    NotifyRx,
    OrderClaim,
    OrderSuccess,
    OrderTriage,
    Shipment,
    TransferContact,
)
from tests.support.ledger import Ledger, every_text
from tests.support.records import (
    ConsultItem,
    CopayRecord,
    DirectRecord,
    FillRecord,
    ListedTransfer,
    Medication,
    RxRecord,
    TransferRecord,
)
from workers.apply.batch import apply_queued
from workers.apply.model import Tools
from workers.apply.read import read_batch
from workers.apply.replay import replay
from workers.pull.filter_snapshots import filter_snapshots

DAY = timedelta(days=1)
KEYS = (f"seen-{n}" for n in count())


def iso(after: int) -> str:
    return datetime.fromtimestamp(T0 + after, UTC).isoformat()


def one(resource: str, record: Any, after: int, of: str | None = None) -> Envelope:
    (found,) = envelopes(resource, record, asked_at=T0 + after, asked_for=of)
    return found


def records(kind: str, key: str) -> list[Envelope]:
    """What a record said at times before, between and after the news of `LIVES`: forward, equal and back."""
    if kind == "fill_request":
        asked = [(-90, "pending"), (-70, "pending"), (30, "pending"), (60, "completed"), (900, "completed")]
        return [one(kind, FillRecord(status=status), after, key) for after, status in asked]
    if kind == "transfer":
        came = [Medication(url_token="m1", prescription={"url_token": "rx1"}), Medication(url_token="m2")]
        told = {"url_token": f"tok-{key}"}
        return [
            *[one(kind, [TransferRecord(**told)], after) for after in (-20, -10, 30, 130)],
            one(kind, [ListedTransfer(**told, status="completed")], 140),
            one(kind, [TransferRecord(**told, status="completed", transfer_medications=came)], 150),
            one(kind, [ListedTransfer(**told, status="completed")], 160),
        ]
    if kind == "direct_transfer":
        told = {"request_id": key, "direct_transfer_token": f"tok-{key}"}
        asked = [(-10, "pending"), (0, "completed"), (5, "rejected")]
        return [one(kind, DirectRecord(**told, status=s, updated_at=iso(after)), 99) for after, s in asked]
    if kind == "copay":
        asked = [(-5, "pending"), (0, "triage"), (60, "rejected"), (120, "completed"), (130, "completed")]
        return [
            one("copay_request", CopayRecord(request_id=key, status=s, updated_at=iso(after)), 0, key)
            for after, s in asked
        ]
    if kind == "consult":
        asked = [(0, "assigned"), (5, "assigned"), (30, "review"), (45, "completed"), (50, "unassigned")]
        return [one(kind, ConsultItem(id=key, status=s, updated_at=iso(after)), 0) for after, s in asked]
    asked_rx = [(10, True), (20, True), (30, False), (40, False), (70, True)]
    return [one(kind, RxRecord(prescription_token=key, fillable=f), after) for after, f in asked_rx]


class Copy(NamedTuple):
    body: Any
    via: str


def copies(kind: str, key: str) -> Iterator[Copy]:
    for body in LIVES[kind]:
        told = about(kind, key, body)
        if kind == "transfer" and told["callback_type"] == "TRANSFER_CONTACT":
            told = {**told, "details": {**told["details"], "transfer_token": f"tok-{key}"}}
        yield Copy(told, "push")
    yield from (Copy(envelope.body, "snapshot") for envelope in records(kind, key))


def in_memory(ledger: Ledger, tools: Tools, kind: str, key: str, told: list[Copy]) -> Any:
    taken = []
    for n, copy in enumerate(told):
        arrival = ledger.arrival(copy.body, via=copy.via)
        taken.append(ClaimedCopy(n, arrival.id, "truepill", copy.via, arrival.received_at, arrival.sealed))
    read = read_batch(taken, tools)
    assert read.quarantined == []
    facts: list[Fact] = [statement.fact for statement in read.stated_facts[kind, key]]
    return MACHINES[kind].fold([*facts, *(nameless.stated_fact.fact for nameless in read.unaddressed)])


def history(steps: list[Step]) -> list[tuple[object, ...]]:
    return [(s.fact, s.verdict, s.before, s.after, s.gap) for s in steps]


@pytest.mark.parametrize("kind", sorted(set(LIVES) - {"prior_auth", "coverage"}))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mix_of_pushes_pulls_and_snapshots_gives_the_state_and_history_that_memory_folds(
    ledger: Ledger, tools: Tools, kind: str, data: st.DataObject
) -> None:
    key = next(KEYS)
    told = list(copies(kind, key))
    expected, steps = in_memory(ledger, tools, kind, key, told)
    assert any(step.fact.signal.startswith("seen:") for step in steps)
    arrivals = data.draw(st.permutations([*told, data.draw(st.sampled_from(told))]))
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        seqs = []
        for copy in batch:
            via = data.draw(st.sampled_from(["push", "pull"])) if copy.via == "push" else copy.via
            seqs += ledger.admit(copy.body, via=via)
        apply_queued(ledger.conn, seqs, ledger.tools)
    ledger.settle()
    story = ledger.story(key, kind)
    assert story.stored == story.folded == expected
    assert history(story.steps) == history(steps)


def test_a_record_tells_what_a_lost_callback_did_not_and_a_replay_reads_it_the_same(ledger: Ledger) -> None:
    ledger.apply(OrderTriage(request_id="f1", timestamp=T0))
    (seq,) = ledger.admit(
        one("fill_request", FillRecord(status="rejected", error_code="R4"), 90, "f1").body, via="snapshot"
    )
    apply_queued(ledger.conn, [seq], ledger.tools)
    step = ledger.story("f1").steps[-1]
    assert (step.fact.signal, step.fact.code, step.after, step.gap) == (
        "seen:returned",
        "R4",
        "returned",
        ("completed", "in_transit"),
    )
    via = ledger.conn.execute("SELECT via FROM facts WHERE signal = 'seen:returned'").fetchall()
    assert via == [(["snapshot"],)]
    again = replay(ledger.conn, [seq], ledger.tools, dry_run=False)
    assert (again.quarantined, again.pending) == (0, ())
    assert ledger.state("f1") == "returned"


def test_a_callback_cannot_pass_for_a_record_nor_a_record_for_a_callback(ledger: Ledger) -> None:
    ledger.apply(one("fill_request", FillRecord(status="rejected"), 0, "f1").body)
    ledger.apply(OrderSuccess(request_id="f1", timestamp=T0), via="snapshot")
    assert (ledger.reasons(), ledger.count("entities")) == (["missing_type", "missing_type"], 0)


def test_an_unknown_status_is_kept_and_counted_as_drift(ledger: Ledger) -> None:
    ledger.apply(one("fill_request", FillRecord(status="on_hold"), 0, "f1").body, via="snapshot")
    assert ledger.reasons() == ["unknown_status"]
    rows = ledger.conn.execute("SELECT what, callback_type, name FROM drift").fetchall()
    assert rows == [("code", "SNAPSHOT_FILL_REQUEST", "on_hold")]


def test_a_transfers_record_waits_for_the_claim_of_its_token(ledger: Ledger) -> None:
    ledger.apply(
        one("transfer", [ListedTransfer(url_token="tok1", status="rejected")], 60).body, via="snapshot"
    )
    assert ledger.reasons() == ["unmatched"]
    ledger.apply(TransferContact(request_id="t1", timestamp=T0, details__transfer_token="tok1"))
    ledger.settle()
    assert (ledger.story("t1", "transfer").stored.state, ledger.reasons()) == ("rejected", [])


def test_a_record_behind_the_state_is_for_a_person_until_the_news_that_explains_it(ledger: Ledger) -> None:
    ledger.apply(OrderSuccess(request_id="f1", timestamp=T0))
    ledger.apply(one("fill_request", FillRecord(status="rejected"), 90, "f1").body, via="snapshot")
    assert "seen:rejected" in (ledger.story("f1").stored.review or "")
    ledger.apply(
        {
            "callback_type": "ORDER",
            "request_id": "f1",
            "status": "error",
            "timestamp": T0 + 60,
            "details": {"error_code": "R5"},
        }
    )
    assert (ledger.state("f1"), ledger.story("f1").stored.review) == ("rejected", None)


def test_nothing_of_a_record_but_tokens_stands_in_the_clear(ledger: Ledger) -> None:
    secret = "Jane Canary"
    ledger.apply(
        one("fill_request", FillRecord(metadata=secret, triage_reason=secret, carrier=secret), 0, "f1").body,
        one("transfer", [TransferRecord(url_token="tok1", status="rejected", cancel_reason=secret)], 0).body,
        one("prescription", RxRecord(prescription_token="rx1", medication_name=secret), 0).body,
        one("fill_request", FillRecord(status=secret), 0, "f2").body,
        via="snapshot",
    )
    tables = (
        "events",
        "queue",
        "quarantine",
        "entities",
        "facts",
        "event_facts",
        "postings",
        "drift",
        "aliases",
    )
    assert "Canary" not in every_text(ledger.conn, (*tables, "alias_news", "changes_unplaced"))
    assert ledger.count("entities") == 2


def store(ledger: Ledger, *found: Envelope) -> int:
    """As a puller does: what is news is stored and applied; how many that were."""
    fresh = filter_snapshots(ledger.conn, found, ledger.tools.keyed_hash)
    ledger.apply(*(envelope.body for envelope in fresh), via="snapshot")
    return len(fresh)


def test_a_record_that_stands_still_is_stored_once(ledger: Ledger) -> None:
    ledger.apply(TransferContact(request_id="t1", timestamp=T0, details__transfer_token="tok1"))
    for after in (10, 20, 30):
        pending = one("transfer", [TransferRecord(url_token="tok1")], after)
        store(ledger, pending, one("fill_request", FillRecord(), after, "f1"))
    assert (ledger.count("events"), ledger.count("facts")) == (3, 3)
    ledger.apply(TransferContact(request_id="t1", timestamp=T0 + 35, details__transfer_token="tok1"))
    assert store(ledger, one("transfer", [TransferRecord(url_token="tok1")], 40)) == 1


def test_a_record_that_says_something_new_is_stored(ledger: Ledger) -> None:
    store(ledger, one("fill_request", FillRecord(), 0, "f1"))
    triage = FillRecord(status="triage", triage_reason="T004")
    assert [store(ledger, one("fill_request", triage, after, "f1")) for after in (10, 20)] == [1, 0]
    assert store(ledger, one("fill_request", {**triage, "triage_reason": "T006"}, 30, "f1")) == 1
    assert ledger.state("f1") == "triage"


def test_what_cannot_be_read_is_stored_once_a_day_and_what_has_no_state_not_at_all(ledger: Ledger) -> None:
    day = 86_400
    start = -(T0 % day)
    for after in (0, 60, 120, day):
        store(ledger, one("fill_request", FillRecord(status="on_hold"), start + after, "f1"))
    assert ledger.reasons() == ["unknown_status", "unknown_status"]
    assert store(ledger, one("consult", {"id": "c1", "prescriptions": [], "provider": None}, 0, "c1")) == 0


NOW = datetime.fromtimestamp(T0, UTC) + 20 * DAY
EVERY = ("fill_request", "transfer", "direct_transfer", "copay", "consult", "prescription")


def asked(
    ledger: Ledger,
    *,
    kinds: Collection[str] = EVERY,
    now: datetime = NOW,
    quiet: timedelta = DAY,
    limit: int = 100,
    after: ResumePoint | None = None,
) -> list[DueRecord]:
    return due_records(ledger.conn, now, kinds=kinds, quiet=quiet, limit=limit, after=after)


def test_what_has_waited_too_long_is_asked_about_the_oldest_first(ledger: Ledger) -> None:
    ledger.apply(
        OrderTriage(request_id="f1", timestamp=T0 + 60),
        OrderClaim(request_id="f2", timestamp=T0),
        OrderSuccess(request_id="packed", timestamp=T0),
        Shipment(request_id="sent", timestamp=T0),
        OrderTriage(request_id="fresh", timestamp=T0 + 20 * 86_400 - 60),
        CopayTriage(request_id="c1", timestamp=T0 + 30, details__code="CT001"),
        NotifyRx(timestamp=T0),
    )
    found = asked(ledger)
    assert [(one.kind, one.key, one.name, one.state) for one in found] == [
        ("fill_request", "f2", "f2", "awaiting_payment"),
        ("copay", "c1", "c1", "triage"),
        ("fill_request", "f1", "f1", "triage"),
    ]
    assert found[0].since == datetime.fromtimestamp(T0, UTC) + DAY
    assert [one.key for one in asked(ledger, kinds=["copay"])] == ["c1"]


def test_a_deadline_counts_though_it_was_not_quiet_for_long(ledger: Ledger) -> None:
    ledger.apply(OrderClaim(request_id="f1", timestamp=T0))
    assert asked(ledger, quiet=30 * DAY, now=NOW - 11 * DAY) == []
    assert [one.key for one in asked(ledger, quiet=30 * DAY)] == ["f1"]


def test_a_transfer_can_be_asked_about_by_a_name_that_is_its_own_alone(ledger: Ledger) -> None:
    at = datetime.fromtimestamp(T0, UTC)
    for key in ("t1", "t2", "t3"):
        register(ledger.conn, ledger.tools.keyed_hash, "transfer", key, now=at)
    register(ledger.conn, ledger.tools.keyed_hash, "direct_transfer", "d1", aliases=["dtok"], now=at)
    with ledger.conn.transaction():
        aliases.add(
            ledger.conn,
            [
                AliasRow("transfer", "mine", "t1"),
                AliasRow("transfer", "a-shared", "t1"),
                AliasRow("transfer", "a-shared", "t2"),
            ],
        )
    assert [(one.key, one.name) for one in asked(ledger)] == [("t1", "mine"), ("d1", "dtok")]


def test_runs_that_go_on_where_the_last_one_stopped_reach_everything_once(ledger: Ledger) -> None:
    ledger.apply(*(OrderTriage(request_id=f"f{n}", timestamp=T0 + n // 3) for n in range(10)))
    seen: list[str] = []
    resume_point: ResumePoint | None = None
    while found := asked(ledger, limit=4, after=resume_point):
        seen += [one.key for one in found]
        resume_point = found[-1].resume_point
    assert sorted(seen) == sorted(f"f{n}" for n in range(10))


def test_an_answer_that_confirms_puts_off_the_next_question(ledger: Ledger) -> None:
    ledger.apply(OrderClaim(request_id="f1", timestamp=T0))
    then = datetime.fromtimestamp(T0, UTC) + 2 * DAY
    assert [one.key for one in asked(ledger, now=then)] == ["f1"]
    store(ledger, one("fill_request", FillRecord(), 2 * 86_400, "f1"))
    assert asked(ledger, now=then) == []
