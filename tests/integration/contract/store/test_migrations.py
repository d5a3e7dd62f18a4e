"""The migrations arrive at the schema that the code speaks of, and can be taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ops.local.embedded import Addresses
from settings import Database
from store.db.engine import engine
from store.db.migrate import config, current, head, upgrade
from store.schema import metadata
from tests.support.backends import DATABASES, database_on, variables


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, servers: Addresses) -> Iterator[Database]:
    with database_on(request.param, servers) as database:
        yield database


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    # Partitions are made at run time, by the month: they stand in no model.
    return not (kind == "table" and (name or "").startswith("bodies_"))


def test_the_migrations_and_the_models_agree(database: Database) -> None:
    with engine(database).connect() as conn:
        context = MigrationContext.configure(
            conn, opts={"include_name": _is_ours, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_each_migration_goes_down_and_up_again(database: Database) -> None:
    revisions = [s.revision for s in ScriptDirectory.from_config(config(database)).walk_revisions()]
    for _ in revisions:
        command.downgrade(config(database), "-1")
    assert current(database) is None
    for revision in reversed(revisions):
        command.upgrade(config(database), revision)
        assert current(database) == revision
    upgrade(database)
    assert current(database) == head()


def test_migrations_started_at_once_run_one_after_the_other(database: Database) -> None:
    command.downgrade(config(database), "base")
    script = (
        "from settings import Settings; from store.db.migrate import upgrade;"
        "upgrade(Settings.load().database)"
    )
    env = {**os.environ, **variables(database), "RXLEDGER_DATA": "/nonexistent"}
    started = [subprocess.Popen([sys.executable, "-c", script], env=env) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert current(database) == head()


def test_a_migration_that_cannot_have_its_lock_gives_up(database: Database) -> None:
    impatient = config(database)
    impatient.attributes["lock_timeout"] = "100ms"
    with engine(database).connect() as reader:
        reader.execute(text("SELECT count(*) FROM events"))
        with pytest.raises(OperationalError, match="lock timeout"):
            command.downgrade(impatient, "base")
    assert current(database) is not None


def test_facts_can_be_read_while_indexes_of_the_loss_ledger_wait_or_are_built(database: Database) -> None:
    command.downgrade(config(database), "0008")
    impatient = config(database)
    impatient.attributes["lock_timeout"] = "2s"
    with (
        engine(database).connect() as writer,
        engine(database).connect() as reader,
        ThreadPoolExecutor() as threads,
    ):
        writer.execute(text("LOCK deliveries IN ROW EXCLUSIVE MODE"))
        migrating = threads.submit(command.upgrade, impatient, "0009")
        waits = text("SELECT FROM pg_locks WHERE relation = 'deliveries'::regclass AND NOT granted")
        while not reader.execute(waits).all():
            assert not migrating.done()
        reader.execute(text("SET lock_timeout = '100ms'"))
        assert reader.execute(text("SELECT count(*) FROM facts")).scalar() == 0
        with pytest.raises(OperationalError, match="lock timeout"):
            migrating.result()
    upgrade(database)  # what was done before is no obstacle
    assert current(database) == head()


def test_who_could_use_the_table_can_use_it_under_both_names(database: Database) -> None:
    command.downgrade(config(database), "0010")
    with psycopg.connect(database.address, autocommit=True) as conn:
        role = conn.execute("SELECT 'guest_' || oid FROM pg_database WHERE datname = current_database()")
        ((guest,),) = role.fetchall()
        conn.execute(f'CREATE ROLE "{guest}"')
        try:
            conn.execute(f'GRANT SELECT, INSERT, DELETE ON outcomes TO "{guest}"')
            upgrade(database)
            conn.execute(f'SET ROLE "{guest}"')
            for n, table in enumerate(("outcomes", "event_facts")):
                conn.execute(f"INSERT INTO {table} VALUES (%s, 7, gen_random_uuid(), 'ORDER')", (n,))
            assert conn.execute("SELECT count(*) FROM outcomes").fetchall() == [(2,)]
            assert conn.execute("DELETE FROM outcomes").rowcount == 2
        finally:
            conn.execute("RESET ROLE")
            conn.execute(f'DROP OWNED BY "{guest}"')
            conn.execute(f'DROP ROLE "{guest}"')


def test_the_version_before_finds_event_facts_under_their_old_name(database: Database) -> None:
    """It reads, inserts, copies and deletes there while this version runs beside it."""
    row, fact = "SELECT seq, entity_id, fact_id::text, callback_type FROM {} ORDER BY seq", "0" * 31
    with psycopg.connect(database.address, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO outcomes (seq, entity_id, fact_id, callback_type) "
            "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[], %s::text[])",
            ([1], [7], [fact + "1"], ["ORDER"]),
        )
        with conn.cursor().copy(
            "COPY outcomes (seq, entity_id, fact_id, callback_type) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["bigint", "bigint", "uuid", "text"])
            copy.write_row((2, 8, UUID(fact + "2"), "SHIPMENT"))
        assert (
            conn.execute(row.format("outcomes")).fetchall()
            == conn.execute(row.format("event_facts")).fetchall()
        )
        deleted = conn.execute(
            "DELETE FROM outcomes WHERE seq = ANY(%s) RETURNING seq, callback_type", ([1, 2],)
        )
        assert deleted.fetchall() == [(1, "ORDER"), (2, "SHIPMENT")]
        assert conn.execute("SELECT count(*) FROM event_facts").fetchall() == [(0,)]
