"""From queued copies to states: what a batch does to the ledger, whatever its order, split and company."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, permutations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops import fill_life
from partners.truepill import orders
from settings import Database
from store.db.connections import connect
from store.inbox import quarantine
from tests.support.factories import (
    FilledMedication,
    OrderError,
    OrderSuccess,
    OrderTriage,
    RefusedMedication,
    Shipment,
)
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Body, Ledger, every_text
from tests.support.reading import reading_with
from workers.apply import batch
from workers.apply.batch import apply_queued
from workers.apply.model import Applied
from workers.apply.replay import replay

T0 = 1_590_800_000


def _shipment(after: int, status: str, message: str) -> Body:
    return dict(
        Shipment(
            timestamp=T0 + after,
            details__status=status,
            details__message=message,
            details__tracking_number="9200",
        )
    )


LIFE = (
    dict(OrderTriage(timestamp=T0, details__medications=[])),
    dict(
        OrderSuccess(
            timestamp=T0 + 60,
            details__medications=[
                FilledMedication(prescription_token="rx1", medication_token="m1"),
                RefusedMedication(medication_token="m2"),
            ],
        )
    ),
    _shipment(120, "TRANSIT", "at the origin facility"),
    _shipment(180, "TRANSIT", "on its way"),
    _shipment(240, "DELIVERED", "in the mailbox"),
)
RETURN = dict(OrderError(timestamp=T0 + 300, details__error_code="R4", details__medications=[]))
KEYS = (f"drawn-{n}" for n in count())


def about(key: str, event: Body) -> dict[str, Any]:
    """The same event of another fill."""
    assert isinstance(event, dict)
    return {**event, "request_id": key}


def life(key: str) -> list[Body]:
    """A fill's whole life: blocked, filled in part, shipped, scanned twice, delivered."""
    return [about(key, event) for event in LIFE]


HISTORY = [
    ("order:triage", "moved", "pending", "triage"),
    ("order:success", "moved", "triage", "completed"),
    ("shipment:transit", "moved", "completed", "in_transit"),
    ("shipment:transit", "confirmed", "in_transit", "in_transit"),
    ("shipment:delivered", "moved", "in_transit", "delivered"),
]


def history(ledger: Ledger, key: str) -> list[tuple[str, str, str, str]]:
    story = ledger.story(key)
    assert story.stored == story.folded
    return [(s.fact.signal, s.verdict.value, s.before, s.after) for s in story.steps]


def test_a_fills_life_ends_delivered_in_part(ledger: Ledger) -> None:
    assert ledger.apply(*life("f1")).applied == 5
    stored = ledger.story("f1").stored
    assert (stored.state, stored.outcome, stored.since) == ("delivered", "partial", T0 + 240)
    assert history(ledger, "f1") == HISTORY
    assert ledger.queued() == []


def test_every_order_of_arrival_with_a_copy_gives_one_state_and_one_history(ledger: Ledger) -> None:
    """All permutations of the life, each on a fill of its own, one event a round, one of them twice."""
    orders = list(permutations(range(5)))
    for turn in range(6):
        batch = []
        for n, order in enumerate(orders):
            body = about(f"f{n}", LIFE[order[turn % 5]])
            # The last round brings each fill's first event again, as a copy that is told differently.
            batch.append(body if turn < 5 else {**body, "note": "again"})
        ledger.apply(*batch)
    for n in range(len(orders)):
        assert history(ledger, f"f{n}") == HISTORY
        assert ledger.story(f"f{n}").stored.outcome == "partial"


def test_every_order_of_the_demos_callbacks_gives_one_state_and_one_history(ledger: Ledger) -> None:
    """All 720 orders of the six callbacks, the one that is sent twice included, each on a fill of its own."""
    orders = list(permutations(range(6)))
    lives = [[callback.body for callback in fill_life.life(f"demo{n}", T0)] for n in range(len(orders))]
    for turn in range(6):
        ledger.apply(*[lives[n][order[turn]] for n, order in enumerate(orders)])
    told = [
        ("order:triage", "moved", "pending", "triage"),
        ("order:success", "moved", "triage", "completed"),
        ("shipment:pre_transit", "confirmed", "completed", "completed"),
        ("shipment:transit", "moved", "completed", "in_transit"),
        ("shipment:delivered", "moved", "in_transit", "delivered"),
    ]
    for n in range(len(orders)):
        assert history(ledger, f"demo{n}") == told
        assert ledger.story(f"demo{n}").stored.outcome == "partial"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_into_batches_and_any_mix_of_push_and_pull_gives_one_history(
    ledger: Ledger, data: st.DataObject
) -> None:
    key = next(KEYS)
    events = [*life(key), about(key, RETURN)]
    order = data.draw(st.permutations(events * 2))
    vias = data.draw(st.lists(st.sampled_from(["push", "pull"]), min_size=12, max_size=12))
    left = list(zip(order, vias, strict=True))
    while left:
        size = data.draw(st.integers(1, 12))
        batch, left = left[:size], left[size:]
        seqs = [seq for body, via in batch for seq in ledger.admit(body, via=via)]
        apply_queued(ledger.conn, seqs, ledger.tools)
    assert history(ledger, key) == [*HISTORY, ("order:returned", "moved", "delivered", "returned")]


def test_a_shipment_before_its_order_keeps_the_gap_until_the_order_is_known(ledger: Ledger) -> None:
    events = life("f1")
    ledger.apply(events[4])
    assert ledger.story("f1").steps[0].gap == ("completed", "in_transit")
    ledger.apply(events[1])
    assert [step.gap for step in ledger.story("f1").steps] == [(), ("in_transit",)]


def test_a_conflict_moves_nothing_and_asks_for_a_review(ledger: Ledger) -> None:
    ledger.apply(*life("f1"), OrderTriage(request_id="f1", timestamp=T0 + 500))
    stored = ledger.story("f1").stored
    assert stored.state == "delivered"
    assert stored.review is not None
    assert "order:triage T001" in stored.review


def test_the_content_of_a_pushed_copy_is_preferred_whatever_comes_first(ledger: Ledger) -> None:
    """The lines decide the outcome; a pulled copy here says less about each line."""
    push, pull = (
        OrderSuccess(request_id=key, timestamp=T0, details__medications=[], details__message=message)
        for key, message in (("f1", "pushed"), ("f1", "pulled"))
    )
    for first, second in (((push, "push"), (pull, "pull")), ((pull, "pull"), (push, "push"))):
        ledger.conn.execute("TRUNCATE events, bodies, facts, entities, event_facts")
        ledger.apply(first[0], via=first[1])
        ledger.apply(second[0], via=second[1])
        row = ledger.conn.execute("SELECT via, preferred_via, cardinality(events) FROM facts").fetchall()
        assert row == [(["push", "pull"], "push", 2)]


def test_what_cannot_be_read_is_kept_with_its_reason_and_the_rest_goes_on(ledger: Ledger) -> None:
    junk: list[tuple[Body, str]] = [
        (b'{"callback_type": "ORDER", ', "not_json"),
        (b'{"callback_type": "\xff"}', "not_json"),
        (b'{"timestamp": NaN}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[1, 2]", "not_an_object"),
        ({"results": [], "next_page_token": None}, "page"),
        ({"hello": 1}, "missing_type"),
        ({"callback_type": "WEATHER", "request_id": "f1", "timestamp": T0}, "unknown_type"),
        ({"callback_type": "VISIT", "request_id": "c1", "timestamp": T0}, "no_machine"),
        ({**OrderSuccess(timestamp=T0), "request_id": None}, "missing_key"),
        ({**OrderSuccess(timestamp=T0), "request_id": "a b"}, "bad_key"),
        (dict(OrderSuccess(timestamp=None)), "missing_time"),
        (dict(OrderSuccess(timestamp="soon")), "bad_time"),
        (dict(OrderSuccess(timestamp=1_000_000_000)), "past_time"),
        (dict(OrderSuccess(timestamp=4_000_000_000)), "future_time"),
        (json.dumps(OrderSuccess(timestamp=10**30)).encode(), "bad_time"),
    ]
    done = ledger.apply(*[body for body, _ in junk], *life("f1"))
    assert (done.applied, done.quarantined) == (5, len(junk))
    assert sorted(ledger.reasons()) == sorted(reason for _, reason in junk)
    assert ledger.state("f1") == "delivered"
    assert ledger.queued() == []


def test_an_event_without_a_body_is_held_and_not_forgotten(ledger: Ledger) -> None:
    seqs = ledger.admit(*life("f1"))
    ledger.conn.execute("DELETE FROM bodies WHERE seq = %s", (seqs[1],))
    done = apply_queued(ledger.conn, seqs, ledger.tools)
    assert (done.applied, ledger.reasons(), ledger.queued()) == (4, ["no_body"], [])


def test_a_future_time_is_judged_again_when_it_has_come(ledger: Ledger, clock: FixedTime) -> None:
    row = ledger.conn.execute("SELECT now()").fetchone()
    assert row is not None
    clock.now = row[0]
    at = int(clock.now.timestamp()) + 3600
    ledger.apply(OrderSuccess(request_id="f1", timestamp=at))
    assert ledger.reasons() == ["future_time"]
    assert quarantine.requeue_early(ledger.conn, 10) == []
    ledger.conn.execute("UPDATE quarantine SET retry_at = retry_at - interval '2 hours'")
    clock.now += timedelta(hours=2)
    (seq,) = quarantine.requeue_early(ledger.conn, 10)
    apply_queued(ledger.conn, [seq], ledger.tools)
    assert (ledger.state("f1"), ledger.reasons()) == ("completed", [])


def test_a_defect_of_ours_is_held_with_its_place_and_without_its_text(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(body: bytes, hash: Any, url_id: str | None) -> Any:
        raise RuntimeError(body.decode())

    monkeypatch.setattr("workers.apply.read.readers", reading_with(truepill=defective))
    ledger.apply(b"Jane Canary")
    (row,) = ledger.conn.execute("SELECT reason, detail FROM quarantine").fetchall()
    assert row[0] == "defect"
    assert row[1].startswith("RuntimeError in test_apply.py:defective:")
    assert "Canary" not in row[1]


def test_nothing_of_a_body_but_tokens_and_codes_stands_in_the_clear(ledger: Ledger) -> None:
    canary = "Jane Canary"
    ledger.apply(
        OrderSuccess(
            request_id="f1",
            timestamp=T0,
            details__message=canary,
            details__metadata=canary,
            details__patient_token=canary,
            details__tracking_number=canary,
            details__medications=[
                RefusedMedication(reject_reason=canary, requested_medication_name=canary, error_code=canary),
                FilledMedication(medication_name=canary, rx_number=canary, prescription_token=canary),
            ],
        ),
        OrderError(request_id="f2", timestamp=T0, details__error_code=canary, details__description=canary),
        Shipment(request_id="f3", timestamp=T0, details__status=canary, details__message=canary),
        {"callback_type": canary, "request_id": "f4", "timestamp": T0},
        {**OrderSuccess(timestamp=T0), "request_id": canary},
    )
    stored = every_text(
        ledger.conn, ("events", "bodies", "queue", "quarantine", "entities", "facts", "event_facts")
    )
    assert "Canary" not in stored
    assert b"Canary".hex() not in stored


class Counting:
    """A connection that counts the statements sent through it; those of one pipeline are one trip."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._in_pipeline = False
        self.statements = 0

    def execute(self, *arguments: Any, **options: Any) -> Any:
        self.statements += not self._in_pipeline
        return self._conn.execute(*arguments, **options)

    def cursor(self) -> Any:
        """A cursor is only taken to copy rows: one statement."""
        self.statements += 1
        return self._conn.cursor()

    def transaction(self) -> Any:
        return self._conn.transaction()

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        self.statements += 1
        self._in_pipeline = True
        with self._conn.pipeline():
            yield
        self._in_pipeline = False


def test_a_batch_takes_a_fixed_number_of_statements(ledger: Ledger) -> None:
    def statements(fills: int) -> int:
        first = [event for n in range(fills) for event in life(f"{fills}-{n}")[2:]]
        ledger.apply(*first)
        late = [event for n in range(fills) for event in life(f"{fills}-{n}")[:2]]
        counting = Counting(ledger.conn)
        apply_queued(counting, ledger.admit(*late, b"junk %d" % fills), ledger.tools)  # type: ignore[arg-type]
        return counting.statements

    assert statements(1) <= statements(20) == statements(60) <= 12


def test_a_batch_reads_its_bodies_in_slices_and_takes_each_event_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SLICE", 7)
    keys = [f"f{n}" for n in range(10)]
    seqs = ledger.admit(*[event for key in keys for event in life(key)])
    ledger.conn.execute("DELETE FROM bodies WHERE seq = %s", (seqs[0],))
    done = apply_queued(ledger.conn, random.Random(1).sample(seqs, len(seqs)), ledger.tools)
    assert done == Applied(len(seqs) - 1, 1, ())
    assert ledger.reasons() == ["no_body"]
    assert ledger.queued() == []
    assert all(history(ledger, key) == HISTORY for key in keys[1:])


def test_a_batch_of_wide_bodies_takes_some_and_leaves_the_others_queued(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SLICE", 10)
    monkeypatch.setattr(batch, "MUCH", 1)
    seqs = ledger.admit(*[event for n in range(10) for event in life(f"f{n}")])
    done = apply_queued(ledger.conn, seqs, ledger.tools)
    assert (done.applied, done.left) == (10, tuple(sorted(seqs)[10:]))
    assert ledger.queued() == sorted(done.left)


def test_a_body_that_came_again_as_news_is_read_once(ledger: Ledger) -> None:
    seqs = ledger.admit(*[event for n in range(5) for event in life(f"f{n}")])
    ledger.conn.execute(
        "INSERT INTO bodies (seq, received_at, id, partner, via, sealed) "
        "SELECT seq, received_at - interval '11 minutes', id, partner, via, sealed FROM bodies"
    )
    assert apply_queued(ledger.conn, seqs, ledger.tools) == Applied(len(seqs), 0, ())
    assert all(history(ledger, f"f{n}") == HISTORY for n in range(5))


def test_workers_that_share_fills_neither_deadlock_nor_lose_a_fact(
    database: Database, ledger: Ledger
) -> None:
    keys = [f"f{n}" for n in range(30)]
    seqs = ledger.admit(*[event for key in keys for event in life(key)])
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        order = random.Random(seed)
        mine = order.sample(seqs, len(seqs))
        try:
            with connect(database, "test") as conn:
                for start in range(0, len(mine), 10):
                    apply_queued(conn, mine[start : start + 10], ledger.tools)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ledger.queued() == []
    assert all(history(ledger, key) == HISTORY for key in keys)


def everything(
    ledger: Ledger, tables: Sequence[str] = ("entities", "facts", "event_facts", "quarantine")
) -> list[str]:
    return sorted(every_text(ledger.conn, tables).splitlines())


def test_a_replay_of_what_is_right_changes_nothing(ledger: Ledger) -> None:
    seqs = ledger.admit(*life("f1"), b"junk")
    apply_queued(ledger.conn, seqs, ledger.tools)
    state = ledger.story("f1")
    done = replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    assert [m.change.changed for m in done.moved] == [False]
    assert done.quarantined == 1
    assert ledger.story("f1") == state
    assert ledger.reasons() == ["not_json"]


def test_a_replay_repairs_a_state_that_was_tampered_with(ledger: Ledger) -> None:
    seqs = ledger.admit(*life("f1"))
    apply_queued(ledger.conn, seqs, ledger.tools)
    ledger.conn.execute("UPDATE entities SET state = 'rejected'")
    before = everything(ledger)
    would = replay(ledger.conn, seqs[:1], ledger.tools, dry_run=True)
    assert [(m.before.state, m.change.entity.state) for m in would.moved] == [("rejected", "delivered")]
    assert everything(ledger) == before
    replay(ledger.conn, seqs[:1], ledger.tools, dry_run=False)
    assert ledger.state("f1") == "delivered"


def test_a_replay_withdraws_what_an_event_no_longer_states(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade that reads one callback differently."""
    seqs = ledger.admit(*life("f1"))
    with monkeypatch.context() as patched:
        patched.setitem(orders.SHIPMENTS, "DELIVERED", "shipment:returned")
        apply_queued(ledger.conn, seqs, ledger.tools)
    assert ledger.state("f1") == "returned"
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    assert history(ledger, "f1") == HISTORY


def test_a_replay_of_one_copy_reads_the_facts_other_copies_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of one success, first read as refused: whichever is replayed, both are read anew."""
    bodies = [about("f1", {**LIFE[1], "note": note}) for note in ("a", "b")]
    for chosen in (0, 1):
        ledger.conn.execute("TRUNCATE events, bodies, facts, entities, event_facts")
        seqs = ledger.admit(*bodies)
        apply_queued(ledger.conn, seqs, ledger.tools)
        ledger.conn.execute("UPDATE facts SET lines = '[]'")
        ledger.conn.execute("UPDATE entities SET outcome = NULL")
        replay(ledger.conn, [seqs[chosen]], ledger.tools, dry_run=False)
        assert ledger.story("f1").stored.outcome == "partial"
        assert ledger.story("f1").stored == ledger.story("f1").folded


def test_a_replay_keeps_the_facts_of_events_whose_bodies_are_gone(ledger: Ledger) -> None:
    seqs = ledger.admit(*life("f1"))
    apply_queued(ledger.conn, seqs, ledger.tools)
    ledger.conn.execute("TRUNCATE bodies")
    ledger.conn.execute("UPDATE entities SET state = 'rejected'")
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    assert history(ledger, "f1") == HISTORY


def test_a_quarantined_event_is_applied_by_a_replay_once_it_is_understood(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("workers.apply.read.readers", reading_with())
        seqs = ledger.admit(*life("f1"))
        apply_queued(ledger.conn, seqs, ledger.tools)
    assert set(ledger.reasons()) == {"no_reader"}
    done = replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    assert [(m.known, m.change.entity.state) for m in done.moved] == [(False, "delivered")]
    assert ledger.reasons() == []
