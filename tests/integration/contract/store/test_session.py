"""What our transactions go by holds whatever the role, the database or a pooler say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from settings import Database
from store.db.connections import connect, connect_async
from store.db.engine import engine
from tests.support.backends import renew_pool

Connection = psycopg.Connection[Any]

SAID = """
SELECT current_setting('TimeZone'), current_setting('DateStyle') LIKE 'ISO%',
       current_setting('transaction_isolation'), current_setting('lock_timeout'),
       current_setting('statement_timeout'), now()
"""


@pytest.fixture
def odd(conn: Connection, database: Database) -> Iterator[None]:
    """The database has defaults that we would not choose."""
    defaults = {
        "timezone": "Asia/Kathmandu",
        "datestyle": "German",
        "default_transaction_isolation": "serializable",
        "lock_timeout": "0",
        "statement_timeout": "0",
    }
    name = conninfo_to_dict(database.address)["dbname"]
    for setting, value in defaults.items():
        conn.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    renew_pool(database)
    yield
    for setting in defaults:
        conn.execute(f"ALTER DATABASE {name} RESET {setting}")
    renew_pool(database)


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("binary", [False, True])
def test_each_transaction_goes_by_our_settings(database: Database, binary: bool) -> None:
    with connect(database, "test", statement_ms=7_000) as own:
        alone = own.execute(SAID, binary=binary).fetchall()
        with own.transaction():
            begun = own.execute(SAID, binary=binary).fetchall()
    for *said, now in (alone[0], begun[0]):
        assert said == ["UTC", True, "read committed", "3s", "7s"]
        assert now.tzinfo is UTC or str(now.tzinfo) == "UTC"


@pytest.mark.usefixtures("odd")
def test_the_receivers_transactions_go_by_them(database: Database) -> None:
    async def asked() -> list[Any]:
        async with await connect_async(database, "test") as own:
            return await (await own.execute(SAID)).fetchall()

    ((*said, _),) = asyncio.run(asked())
    assert said == ["UTC", True, "read committed", "5s", "5s"]


@pytest.mark.usefixtures("odd")
def test_what_people_query_is_in_utc(database: Database) -> None:
    with engine(database).connect() as own:
        zone, iso, *_, now = own.execute(text(SAID)).one()
    assert (zone, iso, str(now.tzinfo)) == ("UTC", True, "UTC")


def test_a_single_statement_waits_no_longer_for_a_lock_than_is_said(
    conn: Connection, database: Database
) -> None:
    with conn.transaction(), connect(database, "test", lock_ms=50) as own:
        conn.execute("LOCK events")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            own.execute("SELECT count(*) FROM events")
        assert own.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_nothing_is_left_behind_with_whoever_comes_next(database: Database) -> None:
    """Behind a pooler the next client has the same connection to the server."""
    kept = "SELECT current_setting('lock_timeout'), count(*) FROM pg_prepared_statements"
    plain = psycopg.connect(database.address, autocommit=True, prepare_threshold=None)
    with plain, connect(database, "test", lock_ms=4_321) as own:
        before = plain.execute(kept).fetchall()
        for number in range(12):  # more often than psycopg needs to prepare one
            own.execute("SELECT %s::int", (number,))
        assert plain.execute(kept).fetchall() == before
