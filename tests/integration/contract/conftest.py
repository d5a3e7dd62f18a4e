"""Contract tests: the same tests over every database and broker there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ops.local.embedded import Addresses
from settings import Database
from store.db.connections import connect
from tests.support.backends import DATABASES, database_on, empty
from tests.support.fixed_time import FixedTime
from tests.support.keys import tools_at
from tests.support.ledger import Ledger
from workers.apply.model import Tools


@pytest.fixture(scope="session", params=DATABASES)
def database(request: pytest.FixtureRequest, servers: Addresses) -> Iterator[Database]:
    """A database of our own on each kind of server."""
    with database_on(request.param, servers) as database:
        yield database


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty ledger."""
    with connect(database, "test") as conn:
        empty(conn)
        yield conn


@pytest.fixture
def clock() -> FixedTime:
    return FixedTime()


@pytest.fixture
def tools(clock: FixedTime) -> Tools:
    return tools_at(clock)


@pytest.fixture
def ledger(conn: psycopg.Connection[Any], tools: Tools) -> Ledger:
    return Ledger(conn, tools)
