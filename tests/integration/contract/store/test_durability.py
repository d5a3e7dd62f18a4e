"""What a COMMIT waits for is said in its transaction, whatever the session, the role or the database say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from ingest.connection import TimedConnection
from settings import Database
from store.db.connections import connect, connect_async
from store.inbox.admit import admit, admit_now, admit_pulled
from store.inbox.model import Arrival
from tests.support.backends import renew_pool
from tests.support.factories import OrderSuccess
from tests.support.ledger import Ledger
from workers.apply.batch import apply_queued

#: What each transaction's COMMIT was told, noted by a trigger that runs within that COMMIT.
WATCH = """
CREATE TABLE told (setting text);
CREATE FUNCTION note_told() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER events_told AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_told();
CREATE CONSTRAINT TRIGGER facts_told AFTER INSERT ON facts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_told();
"""


@pytest.fixture
def watched(ledger: Ledger, database: Database) -> Iterator[Ledger]:
    ledger.conn.execute(WATCH)
    try:
        yield ledger
    finally:
        ledger.conn.execute("DROP FUNCTION note_told CASCADE")
        ledger.conn.execute("DROP TABLE told")
        renew_pool(database)


def told(ledger: Ledger) -> list[str]:
    rows = ledger.conn.execute("DELETE FROM told RETURNING setting").fetchall()
    return [setting for (setting,) in rows]


def arrival(number: int, *, timeless: bool = False) -> Arrival:
    return Arrival(number.to_bytes(16, "big"), "truepill", "push", datetime.now(UTC), b"sealed", timeless)


@pytest.mark.parametrize(
    ("session", "commit"),
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
@pytest.mark.parametrize("timeless", [False, True])
def test_what_is_acknowledged_is_on_disk_whatever_the_session_says(
    watched: Ledger, database: Database, session: str, commit: str, timeless: bool
) -> None:
    with connect(database, "test") as conn:
        conn.execute(f"SET synchronous_commit = {session}")
        assert len(admit_now(conn, [arrival(1, timeless=timeless), arrival(2)])) == 2
        assert told(watched) == [commit] * 2
        assert conn.execute("SHOW synchronous_commit").fetchall() == [(session,)]


def test_a_role_that_does_not_wait_changes_no_answer(watched: Ledger, database: Database) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database.address)["dbname"]
    watched.conn.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        with connect(database, "test") as conn:
            admit_now(conn, [arrival(1)])
    finally:
        watched.conn.execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    assert told(watched) == ["on"]


def test_a_mutant_that_leaves_it_to_the_session_is_caught(
    watched: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store.db.durability import DURABLE
    from store.inbox import admit as module

    monkeypatch.setattr(module, "_ADMIT_TIMED", module._ADMIT_TIMED.replace(DURABLE, "true"))
    with connect(database, "test") as conn:
        conn.execute("SET synchronous_commit = off")
        admit_now(conn, [arrival(1)])
    assert told(watched) == ["off"]


def test_the_receivers_own_connection_waits(watched: Ledger, database: Database) -> None:
    async def admitted() -> None:
        connection = TimedConnection(lambda: connect_async(database, "test"), admit)
        await connection.admit([arrival(1)], 10)
        await connection.close()

    asyncio.run(admitted())
    assert told(watched) == ["on"]


def test_what_would_be_done_again_does_not_wait_and_leaves_nothing_behind(
    watched: Ledger, database: Database
) -> None:
    few = watched.admit(OrderSuccess(request_id="f1"))
    many = watched.admit(*[OrderSuccess(request_id=f"g{n}") for n in range(40)])
    told(watched)
    with connect(database, "test") as conn:
        apply_queued(conn, few, watched.tools)
        apply_queued(conn, many, watched.tools)
        assert set(told(watched)) == {"off"}
        assert conn.execute("SHOW synchronous_commit").fetchall() == [("on",)]
        with conn.transaction():
            admit_pulled(conn, [arrival(7)], {})
        assert told(watched) == ["off"]
        admit_now(conn, [arrival(8)])
        assert told(watched) == ["on"]
