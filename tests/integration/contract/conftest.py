"""Contract tests: the same tests over every database and broker there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from store.db.connections import connect
from tests.support.backends import DATABASES, SYSTEM_POSTGRES, empty, fresh_database
from tests.support.fixed_time import FixedTime
from tests.support.keys import tools_at
from tests.support.ledger import Ledger
from workers.apply.model import Tools


@pytest.fixture(scope="session", params=DATABASES)
def contract_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of our own on each kind of server."""
    embedded = request.param == "embedded"
    server = request.getfixturevalue("servers").database_url if embedded else SYSTEM_POSTGRES
    with fresh_database(server) as url:
        yield url


@pytest.fixture
def conn(contract_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty ledger."""
    with connect(contract_url, "test") as conn:
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
