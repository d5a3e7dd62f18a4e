"""The one door: what is admitted is durable, sealed, recognised, and queued once."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from settings import Database
from store.db import partitions
from store.db.connections import connect
from store.inbox.admit import admit_now
from store.inbox.model import Arrival
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Ledger, every_text
from workers.apply.batch import apply_queued


def test_a_new_copy_gets_an_inbox_id_and_waits_in_the_queue(ledger: Ledger) -> None:
    (seq,) = ledger.admit(b"anything")
    assert ledger.queued() == [seq]
    assert [ledger.count(t) for t in ("events", "bodies", "queue")] == [1, 1, 1]


def test_a_copy_seen_before_is_not_admitted_again(ledger: Ledger) -> None:
    ledger.admit(b"first", b"second")
    assert ledger.admit(b"second", b"third", b"first") == ledger.queued()[2:]
    assert ledger.count("bodies") == 3


def test_a_copy_is_recognised_after_its_body_is_gone(ledger: Ledger) -> None:
    ledger.admit(b"long ago")
    ledger.conn.execute("TRUNCATE bodies, queue")
    assert ledger.admit(b"long ago") == []


def test_the_same_body_pushed_and_pulled_are_two_events(ledger: Ledger) -> None:
    assert len(ledger.admit(b"news", via="push") + ledger.admit(b"news", via="pull")) == 2


def test_a_body_stands_nowhere_in_the_clear(ledger: Ledger) -> None:
    ledger.admit(b"Jane Canary, 40 mg")
    stored = every_text(ledger.conn, ("events", "bodies", "queue"))
    assert "Canary" not in stored
    assert b"Canary".hex() not in stored


def test_a_body_without_a_time_is_a_copy_for_ten_minutes_only(ledger: Ledger, clock: FixedTime) -> None:
    def come() -> dict[bytes, int]:
        return admit_now(ledger.conn, [ledger.arrival(b"paid", partner="healnow", timeless=True)])

    first = come()
    clock.advance(minutes=9)
    assert come() == {}
    clock.advance(minutes=2)
    assert come() == first
    assert ledger.count("bodies") == 2


def test_a_body_with_a_time_stays_a_copy_for_good(ledger: Ledger, clock: FixedTime) -> None:
    ledger.admit(b"news")
    clock.advance(days=400)
    assert ledger.admit(b"news") == []


def test_batches_that_share_copies_do_not_deadlock(database: Database, ledger: Ledger) -> None:
    arrivals = [ledger.arrival(b"%d" % n) for n in range(120)]
    admitted: list[dict[bytes, int]] = []
    failures: list[BaseException] = []

    def receiver(seed: int) -> None:
        order = random.Random(seed)
        try:
            with connect(database, "test") as conn:
                for _ in range(25):
                    batch: list[Arrival] = order.sample(arrivals, 60)
                    admitted.append(admit_now(conn, batch))
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=receiver, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    names = [name for new in admitted for name in new]
    assert len(names) == len(set(names)) == ledger.count("events")


def test_the_months_ahead_have_partitions(conn: psycopg.Connection[Any]) -> None:
    assert partitions.ahead(conn) >= 3
    assert partitions.ensure(conn) == []
    assert partitions.ensure(conn, months_ahead=4) != []
    assert partitions.ahead(conn) == 4


def test_a_body_of_a_month_without_a_partition_is_kept_and_noticed(ledger: Ledger) -> None:
    row = ledger.conn.execute("SELECT now() + interval '400 days'").fetchone()
    assert row is not None
    assert not partitions.stray_rows(ledger.conn)
    admit_now(ledger.conn, [ledger.arrival(b"early", received_at=row[0])])
    assert partitions.stray_rows(ledger.conn)


def test_a_body_is_found_in_the_month_it_came_in(ledger: Ledger, clock: FixedTime) -> None:
    row = ledger.conn.execute("SELECT now()").fetchone()
    assert row is not None
    clock.now = row[0]
    this_month = ledger.admit(b"not JSON, but kept")
    clock.now += timedelta(days=40)
    next_month = ledger.admit(b"not JSON either")
    assert apply_queued(ledger.conn, this_month + next_month, ledger.tools).quarantined == 2


def test_a_stray_body_keeps_only_its_own_month_from_being_made(ledger: Ledger) -> None:
    row = ledger.conn.execute("SELECT date_trunc('month', now()) + interval '6 months 5 days'").fetchone()
    assert row is not None
    before = set(partitions.existing(ledger.conn))
    admit_now(ledger.conn, [ledger.arrival(b"from a wrong clock", received_at=row[0])])
    with pytest.raises(psycopg.errors.CheckViolation):
        partitions.ensure(ledger.conn, months_ahead=8)
    made = set(partitions.existing(ledger.conn)) - before
    assert {f"bodies_{row[0]:%Y_%m}"} & made == set()
    assert len(made) >= 3
    for name in made:
        ledger.conn.execute(f"DROP TABLE {name}")
