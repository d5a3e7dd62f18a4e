"""Poison is counted before it is handled, and only poison (docs/decisions/0007)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest

import workers.celery.attempts as attempts_module
from settings import Database, SealKey, Settings
from store.crypto.sealing import Sealer
from store.inbox import quarantine, queue
from tests.support.backends import variables
from tests.support.factories import CopayTriage, OrderSuccess, OrderTriage, PriorAuth
from tests.support.keys import KEY_SETTINGS
from tests.support.ledger import Ledger
from workers.apply import batch
from workers.apply.batch import apply_queued
from workers.apply.model import Applied, Tools
from workers.celery import tasks
from workers.celery.runtime import Runtime

T0 = 1_590_800_000


@pytest.fixture
def worker(database: Database, ledger: Ledger) -> Iterator[Runtime]:
    """A worker's runtime on the ledger's database, with the ledger's keys and clock."""
    settings = Settings.load(
        {
            **variables(database),
            **KEY_SETTINGS,
            "RXLEDGER_DATA": "/nonexistent",
        }
    )
    worker = Runtime(settings)
    worker.tools = ledger.tools
    yield worker
    worker.drop()


def attempts(ledger: Ledger) -> dict[int, int]:
    return dict(ledger.conn.execute("SELECT seq, attempts FROM queue").fetchall())


def overdue(ledger: Ledger) -> None:
    ledger.conn.execute("UPDATE queue SET due_at = now() - interval '1 second'")


class Killed(BaseException):
    """Stands for the death of the process: nothing after it runs."""


def failing_on(bad: int, error: BaseException) -> Any:
    def apply(conn: Any, seqs: Sequence[int], tools: Tools) -> Applied:
        if bad in seqs:
            raise error
        return apply_queued(conn, seqs, tools)

    return apply


def test_a_first_hint_is_not_counted(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = ledger.admit(b"good", b"bad")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, ValueError("boom")))
    attempts_module.attempt(worker, [good, bad], swept=False)
    assert attempts(ledger) == {bad: 0}


def test_one_bad_event_does_not_hold_back_its_batch(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs = ledger.admit(*[b"%d" % n for n in range(20)])
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(seqs[7], ValueError("boom")))
    attempts_module.attempt(worker, seqs, swept=False)
    assert ledger.queued() == [seqs[7]]
    assert ledger.count("quarantine") == 19


def test_bad_events_of_a_large_batch_are_found_in_parts(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs = ledger.admit(*[b"%d" % n for n in range(50)])
    bad, tries = {seqs[3], seqs[31]}, []

    def apply(conn: Any, seqs: Sequence[int], tools: Tools) -> Applied:
        tries.append(len(seqs))
        if bad & set(seqs):
            raise ValueError("boom")
        return apply_queued(conn, seqs, tools)

    monkeypatch.setattr(attempts_module, "PART_IDS", 10)
    monkeypatch.setattr(attempts_module, "apply_queued", apply)
    attempts_module.attempt(worker, seqs, swept=True)
    assert attempts(ledger) == dict.fromkeys(bad, 1)
    assert ledger.count("quarantine") == 48
    assert sorted(tries) == [1] * 20 + [10] * 5 + [50]


def test_what_was_too_much_at_once_is_applied_by_the_same_hint(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SLICE", 10)
    monkeypatch.setattr(batch, "MUCH", 1)
    attempts_module.attempt(worker, ledger.admit(*[b"%d" % n for n in range(45)]), swept=False)
    assert (ledger.queued(), ledger.count("quarantine")) == ([], 45)


def test_what_failed_is_told_by_class_and_place_never_by_text(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (bad,) = ledger.admit(b"bad")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, ValueError("Jane Canary")))
    attempts_module.attempt(worker, [bad], swept=False)
    (error,) = ledger.conn.execute("SELECT last_error FROM queue").fetchone() or ("",)
    assert error.startswith("ValueError in test_attempts.py:apply:")
    assert "Canary" not in error + caplog.text


def test_a_swept_attempt_is_counted_before_it_is_made(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = ledger.admit(b"kills its worker")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, Killed()))
    with pytest.raises(Killed):
        attempts_module.attempt(worker, [bad], swept=True)
    assert attempts(ledger) == {bad: 1}


def test_hints_that_wait_in_line_take_nothing_from_company_into_quarantine(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a backlog the same ids may be swept many times before the first of their hints is read."""
    good, bad = ledger.admit(b"good", b"kills its worker")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, Killed()))
    for _ in range(queue.BATCH_ATTEMPTS + queue.SOLO_ATTEMPTS):
        with suppress(Killed):
            attempts_module.attempt(worker, [good, bad], swept=True)
    overdue(ledger)
    assert quarantine.dead_letter(ledger.conn) == []
    due = queue.sweep(ledger.conn, 10)
    assert sorted(d.seq for d in due if d.alone) == [good, bad]
    attempts_module.attempt(worker, [good], swept=True)
    assert ledger.queued() == [bad]


def test_a_hint_of_what_has_had_all_its_attempts_makes_no_further_one(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = ledger.admit(b"kills its worker")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, Killed()))
    for _ in range(queue.BATCH_ATTEMPTS + queue.SOLO_ATTEMPTS):
        with pytest.raises(Killed):
            attempts_module.attempt(worker, [bad], swept=True)
    attempts_module.attempt(worker, [bad], swept=True)
    assert attempts(ledger) == {bad: queue.BATCH_ATTEMPTS + queue.SOLO_ATTEMPTS}


@pytest.mark.parametrize("sqlstate", ["40P01", "57014", "55P03", "57P01", "08006", "42703", "58030", "XX001"])
def test_the_environments_faults_are_never_counted(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch, sqlstate: str
) -> None:
    (seq,) = ledger.admit(b"innocent")
    error = psycopg.errors.lookup(sqlstate)("no fault of the event's")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(seq, error))
    with suppress(psycopg.Error):
        attempts_module.attempt(worker, [seq], swept=True)
    # At once, not when this process comes to its next hint: that one may go to another.
    assert attempts(ledger) == {seq: 0}


def test_a_locked_entity_holds_back_only_its_own_events(
    database: Database, ledger: Ledger, worker: Runtime
) -> None:
    ledger.apply(OrderTriage(request_id="locked", timestamp=T0))
    seqs = ledger.admit(*[OrderTriage(request_id=key, timestamp=T0 + 9) for key in ("free", "locked", "too")])
    worker.conn().execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database.address) as other:
        other.execute("SELECT FROM entities WHERE key = 'locked' FOR UPDATE")
        attempts_module.attempt(worker, seqs, swept=True)
    assert attempts(ledger) == {seqs[1]: 0}
    assert (ledger.state("free"), ledger.state("too")) == ("triage", "triage")


def test_only_what_was_counted_is_given_back(
    database: Database, ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs = ledger.admit(b"mine", b"another's")
    ledger.conn.execute("UPDATE queue SET attempts = 2")
    monkeypatch.setattr(
        attempts_module, "apply_queued", failing_on(seqs[0], psycopg.errors.AdminShutdown("gone"))
    )
    with psycopg.connect(database.address) as other:
        other.execute("SELECT FROM queue WHERE seq = %s FOR UPDATE", (seqs[1],))
        with pytest.raises(psycopg.Error):
            attempts_module.attempt(worker, seqs, swept=True)
    assert attempts(ledger) == {seqs[0]: 2, seqs[1]: 2}


def unanswered(work: Any) -> Any:
    """As `work`, but the first time the connection is lost behind its COMMIT, before the answer came."""
    lost: list[None] = []

    def losing(conn: psycopg.Connection[Any], **arguments: Any) -> Any:
        result = work(conn, **arguments)
        if not lost:
            lost.append(None)
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return result

    return losing


def test_an_attempt_whose_commit_went_unanswered_is_counted_once(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = ledger.admit(b"good", b"bad")
    monkeypatch.setattr(queue, "count_attempts", unanswered(queue.count_attempts))
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, Killed()))
    with pytest.raises(Killed):
        attempts_module.attempt(worker, [good, bad], swept=True)
    assert attempts(ledger) == {good: 1, bad: 1}


def test_an_attempt_whose_refund_went_unanswered_is_given_back_once(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seq,) = ledger.admit(b"innocent")
    ledger.conn.execute("UPDATE queue SET attempts = 2")
    monkeypatch.setattr(queue, "refund", unanswered(queue.refund))
    monkeypatch.setattr(
        attempts_module, "apply_queued", failing_on(seq, psycopg.errors.AdminShutdown("gone"))
    )
    with pytest.raises(psycopg.errors.AdminShutdown):
        attempts_module.attempt(worker, [seq], swept=True)
    assert attempts(ledger) == {seq: 2}


def unavailable(conn: psycopg.Connection[Any], attempts: Any) -> None:
    raise psycopg.OperationalError("away")


def test_a_refund_that_comes_late_counts_beside_the_attempt_that_was_made_meanwhile(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seq,) = ledger.admit(b"innocent")
    with monkeypatch.context() as away:
        away.setattr(queue, "refund", unavailable)
        away.setattr(attempts_module, "apply_queued", failing_on(seq, psycopg.errors.AdminShutdown("gone")))
        with pytest.raises(psycopg.errors.AdminShutdown):
            attempts_module.attempt(worker, [seq], swept=True)
    assert queue.count_attempts(ledger.conn, {seq: 2}) == [seq]
    monkeypatch.setattr(tasks, "runtime", lambda: worker)
    tasks.sweep()
    assert attempts(ledger) == {seq: 1}


def test_an_unknown_seal_key_leaves_the_event_queued_and_uncounted(ledger: Ledger, worker: Runtime) -> None:
    (seq,) = ledger.admit(b"sealed under k1")
    worker.tools = ledger.tools._replace(sealer=Sealer([SealKey("k2", b"2" * 32)]))
    attempts_module.attempt(worker, [seq], swept=True)
    assert attempts(ledger) == {seq: 0}
    worker.tools = ledger.tools
    attempts_module.attempt(worker, [seq], swept=True)
    assert ledger.queued() == []


def test_the_sweeper_finds_only_what_is_overdue(ledger: Ledger) -> None:
    seqs = ledger.admit(b"1", b"2")
    assert queue.sweep(ledger.conn, 10) == []
    overdue(ledger)
    assert sorted(d.seq for d in queue.sweep(ledger.conn, 10)) == seqs
    assert queue.sweep(ledger.conn, 10) == []


def test_after_attempts_in_company_an_event_goes_alone_and_then_into_quarantine(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = ledger.admit(b"bad")
    monkeypatch.setattr(attempts_module, "apply_queued", failing_on(bad, ValueError("boom")))
    alone = []
    for _ in range(queue.BATCH_ATTEMPTS + queue.SOLO_ATTEMPTS):
        assert quarantine.dead_letter(ledger.conn) == []
        overdue(ledger)
        (due,) = queue.sweep(ledger.conn, 10)
        alone.append(due.alone)
        attempts_module.attempt(worker, [due.seq], swept=True)
    assert alone == [False] * queue.BATCH_ATTEMPTS + [True] * queue.SOLO_ATTEMPTS
    overdue(ledger)
    assert queue.sweep(ledger.conn, 10) == []
    assert quarantine.dead_letter(ledger.conn) == [bad]
    assert (ledger.queued(), ledger.reasons()) == ([], ["poison"])


def test_an_event_that_another_worker_holds_is_left_to_it(database: Database, ledger: Ledger) -> None:
    seqs = ledger.admit(b"1", b"2")
    with psycopg.connect(database.address) as other:
        other.execute("SELECT FROM queue WHERE seq = %s FOR UPDATE", (seqs[0],))
        assert apply_queued(ledger.conn, seqs, ledger.tools).quarantined == 1
        overdue_now = queue.sweep(ledger.conn, 10)
    assert overdue_now == []
    assert ledger.queued() == [seqs[0]]


def test_what_the_server_refuses_of_one_event_does_not_hold_back_the_others(
    ledger: Ledger, worker: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.conn.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.code = 'T666' THEN RAISE 'refused: %', NEW; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    try:
        good = [OrderTriage(timestamp=T0) for _ in range(5)]
        bad = OrderTriage(timestamp=T0, details__code="T666", details__message="Jane Canary")
        seqs = ledger.admit(*good[:2], bad, *good[2:])
        attempts_module.attempt(worker, seqs, swept=False)
    finally:
        ledger.conn.execute("DROP FUNCTION refuse CASCADE")
    (left,) = ledger.conn.execute("SELECT seq, last_error FROM queue").fetchall()
    assert left[0] == seqs[2]
    assert left[1].startswith("RaiseException[P0001] in ")
    assert ledger.count("facts") == 5
    assert "refused" not in caplog.text


def an_approval_and_its_copay(ledger: Ledger) -> list[int]:
    shared = {"details__patient_token": "pat1", "details__metadata": "m"}
    names = {"prescription_token": "rx1", "insurance_token": "ins1"}
    approval = PriorAuth(
        request_id="pa1",
        timestamp=T0 + 60,
        status="approved",
        **shared,
        **{f"details__{name}": value for name, value in names.items()},
    )
    return ledger.admit(
        CopayTriage(request_id="c1", timestamp=T0, details__prescriptions=[names], **shared), approval
    )


def signals(ledger: Ledger) -> list[str]:
    return [step.fact.signal for step in ledger.story("c1", "copay").steps]


def test_what_is_derived_is_applied_by_the_worker_that_derived_it(ledger: Ledger, worker: Runtime) -> None:
    attempts_module.attempt(worker, an_approval_and_its_copay(ledger), swept=False)
    assert signals(ledger) == ["copay:triage", "pa:approved"]
    assert ledger.queued() == []


@pytest.fixture
def backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any hint counts as one of many."""
    monkeypatch.setattr(attempts_module, "BACKLOG_IDS", 1)


def more(ledger: Ledger) -> list[int]:
    """News of something else."""
    return ledger.admit(OrderSuccess(request_id="f9", timestamp=T0))


@pytest.mark.usefixtures("backlog")
def test_in_a_backlog_looks_wait_for_its_end_whoever_queued_them(ledger: Ledger, worker: Runtime) -> None:
    seqs, others = an_approval_and_its_copay(ledger), more(ledger)
    attempts_module.attempt(worker, seqs, swept=False)
    assert signals(ledger) == ["copay:triage"]
    assert len(ledger.queued()) == 2
    attempts_module.attempt(worker, others, swept=False)
    assert signals(ledger) == ["copay:triage", "pa:approved"]
    assert ledger.queued() == []


def test_looks_that_a_backlog_left_are_applied_at_its_end_however_small_its_last_hint_is(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "BACKLOG_IDS", 2)
    seqs, others = an_approval_and_its_copay(ledger), more(ledger)
    assert (len(seqs), len(others)) == (2, 1)
    attempts_module.attempt(worker, seqs, swept=False)
    assert len(ledger.queued()) == 2
    attempts_module.attempt(worker, others, swept=False)
    assert signals(ledger) == ["copay:triage", "pa:approved"]
    assert ledger.queued() == []


@pytest.mark.usefixtures("backlog")
def test_in_a_backlog_looks_are_applied_when_enough_have_gathered(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "RECHECKS_TOGETHER", 1)
    seqs, others = an_approval_and_its_copay(ledger), more(ledger)
    attempts_module.attempt(worker, seqs, swept=False)
    assert signals(ledger) == ["copay:triage", "pa:approved"]
    assert ledger.queued() == others


@pytest.mark.usefixtures("backlog")
def test_looks_that_fail_in_a_backlog_are_left_to_the_sweeper(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[int]] = []

    def failing(conn: Any, seqs: Sequence[int], tools: Tools) -> Applied:
        tried.append(list(seqs))
        raise ValueError("boom")

    monkeypatch.setattr(attempts_module, "apply_rechecks", failing)
    attempts_module.attempt(worker, an_approval_and_its_copay(ledger), swept=False)
    (recheck,) = ledger.queued()
    overdue(ledger)
    attempts_module.attempt(worker, more(ledger), swept=False)
    assert tried == [[recheck]]
    assert ledger.queued() == [recheck]


def test_a_look_that_a_worker_left_behind_is_swept_like_any_event(ledger: Ledger, worker: Runtime) -> None:
    apply_queued(ledger.conn, an_approval_and_its_copay(ledger), ledger.tools)
    overdue(ledger)
    (due,) = queue.sweep(ledger.conn, 10)
    attempts_module.attempt(worker, [due.seq], swept=True)
    assert signals(ledger) == ["copay:triage", "pa:approved"]
    assert ledger.queued() == []


def test_a_look_that_cannot_be_applied_holds_nothing_back_and_is_buried_alone(
    ledger: Ledger, worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(conn: Any, seqs: Sequence[int], tools: Tools) -> Applied:
        raise ValueError("boom")

    monkeypatch.setattr(attempts_module, "apply_rechecks", failing)
    attempts_module.attempt(worker, an_approval_and_its_copay(ledger), swept=False)
    assert signals(ledger) == ["copay:triage"]
    (recheck,) = ledger.queued()
    for _ in range(queue.BATCH_ATTEMPTS + queue.SOLO_ATTEMPTS):
        attempts_module.attempt(worker, [recheck], swept=True)
    overdue(ledger)
    assert quarantine.dead_letter(ledger.conn) == [recheck]
    assert ledger.reasons() == ["poison"]

    monkeypatch.undo()
    ledger.apply(PriorAuth(request_id="pa1", timestamp=T0 + 70, status="cancelled"))
    ledger.settle()
    assert (signals(ledger), ledger.count("quarantine")) == (["copay:triage"], 0)
