"""The feed of changes: no cursor skips a late COMMIT, and each entity's changes keep their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from settings import Database
from store.db.connections import connect
from store.ledger import feed

Connection = psycopg.Connection[Any]
ALL = 1_000_000


@pytest.fixture
def other(database: Database) -> Iterator[Connection]:
    """A second session."""
    with connect(database, "test") as conn:
        yield conn


def entity(conn: Connection, key: str) -> int:
    """A fill request of this key, locked when it is there: as applying does before it writes a change."""
    row = conn.execute(
        "INSERT INTO entities (kind, key, state) VALUES ('fill_request', %s, 'pending') "
        "ON CONFLICT (kind, key) DO UPDATE SET state = entities.state RETURNING id",
        (key,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def change(conn: Connection, key: str, to: str, before: str | None = None) -> None:
    conn.execute(
        "INSERT INTO changes_unplaced (entity_id, from_state, to_state) VALUES (%s, %s, %s)",
        (entity(conn, key), before, to),
    )


def told(conn: Connection, after: int = 0, limit: int = ALL) -> list[tuple[str, str]]:
    return [(c.key, c.after) for c in feed.read(conn, after, limit)]


@contextmanager
def uncommitted(conn: Connection) -> Iterator[None]:
    """What the block writes is committed at its end."""
    with conn.transaction():
        yield


def test_a_transaction_that_commits_late_is_not_skipped(conn: Connection, other: Connection) -> None:
    with uncommitted(conn):
        change(conn, "late", "completed")
        change(other, "early", "completed")
        assert feed.place(other) == 1
        first = feed.read(other, 0, ALL)
        assert [c.key for c in first] == ["early"]

    assert feed.place(other) == 1

    assert told(other, first[-1].cursor) == [("late", "completed")]


def test_an_open_transaction_does_not_hold_others_back(conn: Connection, other: Connection) -> None:
    with uncommitted(conn):
        change(conn, "open", "completed")
        change(other, "a", "completed")
        assert feed.place(other) == 1
        change(other, "b", "completed")
        assert feed.place(other) == 1
        assert told(other) == [("a", "completed"), ("b", "completed")]


def test_a_change_that_is_rolled_back_is_never_told(conn: Connection, other: Connection) -> None:
    with conn.transaction(force_rollback=True):
        change(conn, "a", "completed")

    assert feed.place(other) == 0
    assert told(other) == []


def test_the_changes_of_an_entity_keep_their_order(conn: Connection, database: Database) -> None:
    keys = ("a", "b", "c")
    done = threading.Event()

    def write(worker: int) -> None:
        with connect(database, "test") as own:
            for step in range(40):
                with own.transaction():
                    for key in keys:
                        entity_id = entity(own, key)
                        own.execute(
                            "WITH was AS (SELECT moved_by FROM entities WHERE id = %(id)s), "
                            "now AS (UPDATE entities SET moved_by = %(to)s WHERE id = %(id)s) "
                            "INSERT INTO changes_unplaced (entity_id, from_state, to_state) "
                            "SELECT %(id)s, moved_by, %(to)s FROM was",
                            {"id": entity_id, "to": f"{worker}.{step}"},
                        )

    def keep_placing() -> int:
        placed = 0
        with connect(database, "test") as own:
            while not done.is_set():
                placed += feed.place(own)
            return placed + feed.place(own)

    with ThreadPoolExecutor(5) as pool:
        placing = [pool.submit(keep_placing) for _ in range(2)]
        writing = [pool.submit(write, worker) for worker in range(3)]
        try:
            for future in writing:
                future.result(timeout=60)
        finally:
            done.set()
        assert sum(future.result(timeout=60) for future in placing) == 3 * 40 * len(keys)

    found = feed.read(conn, 0, ALL)
    for key in keys:
        of_key = [c for c in found if c.key == key]
        assert len(of_key) == 3 * 40
        assert [c.before for c in of_key] == [None, *(c.after for c in of_key[:-1])]


def test_concurrent_readers_place_each_change_once(conn: Connection, database: Database) -> None:
    conn.execute(
        "INSERT INTO changes_unplaced (entity_id, to_state) "
        "SELECT %s, n::text FROM generate_series(1, 500) n",
        (entity(conn, "a"),),
    )
    together = threading.Barrier(4)

    def run(_: int) -> int:
        with connect(database, "test") as own:
            together.wait(timeout=30)
            return feed.place(own)

    with ThreadPoolExecutor(4) as pool:
        placed = list(pool.map(run, range(4)))

    assert sum(placed) == 500
    assert told(conn) == [("a", str(n)) for n in range(1, 501)]


def test_a_reader_waits_for_the_one_that_is_placing(
    conn: Connection, other: Connection, database: Database
) -> None:
    change(conn, "a", "completed")
    with ThreadPoolExecutor(1) as pool:
        with uncommitted(conn):
            assert feed.place(conn) == 1
            change(other, "b", "completed")
            second = pool.submit(feed.place, other)
            with connect(database, "test") as watcher:
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                for _ in range(2000):
                    if watcher.execute(waiting).fetchone() == (1,):
                        break
            assert not second.done()
        assert second.result(timeout=30) == 1

    assert told(conn) == [("a", "completed"), ("b", "completed")]


def test_cursors_rise_and_reading_on_tells_each_change_once(conn: Connection) -> None:
    expected = []
    for n in range(7):
        change(conn, f"k{n}", "completed")
        expected.append((f"k{n}", "completed"))
        if n % 3 == 0:
            feed.place(conn)
    feed.place(conn)

    cursors = [c.cursor for c in feed.read(conn, 0, ALL)]
    pages: list[tuple[str, str]] = []
    cursor = 0
    while page := feed.read(conn, cursor, 2):
        cursor = page[-1].cursor
        pages += [(c.key, c.after) for c in page]

    assert cursors == sorted(set(cursors))
    assert cursors[0] > 0
    assert pages == expected


def test_a_long_backlog_is_placed_in_batches(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 3)
    for n in range(7):
        change(conn, f"k{n}", "completed")

    assert feed.place(conn) == 7
    assert [key for key, _ in told(conn)] == [f"k{n}" for n in range(7)]
    assert feed.place(conn) == 0


def test_a_change_is_told_whole(conn: Connection) -> None:
    row = conn.execute(
        "INSERT INTO changes_unplaced (entity_id, from_state, to_state, outcome, review, since) "
        "VALUES (%s, 'pending', 'completed', 'partial', 'a rule', '2026-01-02T03:04:05Z') "
        "RETURNING since, changed_at",
        (entity(conn, "a"),),
    ).fetchone()
    assert row is not None
    feed.place(conn)

    (found,) = feed.read(conn, 0, 1)

    assert found[1:] == ("fill_request", "a", "pending", "completed", "partial", "a rule", *row)
