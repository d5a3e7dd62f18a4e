"""What libpq's environment and a role's defaults say must not change what we read and write."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from settings import Database
from store.db.arrays import texts
from store.db.connections import connect, connect_async
from tests.support.backends import renew_pool


def test_a_date_style_of_the_environment_is_not_ours(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq sends PGDATESTYLE as a parameter of its own, which the server takes after `options`."""
    monkeypatch.setenv("PGDATESTYLE", "German")
    with connect(database) as conn:
        assert conn.execute("SELECT now()").fetchone()

    async def read() -> object:
        async with await connect_async(database) as conn:
            return await (await conn.execute("SELECT now()")).fetchone()

    assert asyncio.run(read())


def test_a_null_in_an_array_is_one_whatever_the_database_says(database: Database) -> None:
    with connect(database) as conn:
        name = conn.execute("SELECT quote_ident(current_database())").fetchall()[0][0]
        conn.execute(psycopg.sql.SQL("ALTER DATABASE {} SET array_nulls = off").format(psycopg.sql.SQL(name)))
    renew_pool(database)
    try:
        with connect(database) as conn:
            read = conn.execute("SELECT (%s::text[])[1] IS NULL", (texts([None]),)).fetchone()
    finally:
        with connect(database) as conn:
            conn.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET array_nulls").format(psycopg.sql.SQL(name)))
    assert read == (True,)
