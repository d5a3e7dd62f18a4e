"""A pooler that no setting tells of: noticed and named before anything relies on a session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from settings import Database
from store.db.connections import PoolerNoticed, connect, connect_async
from tests.support.backends import IN_CI
from tests.support.commandline import Cli
from tests.support.pgbouncer import PROGRAM, pgbouncer

WANTED = "a pooler stands before PostgreSQL: set RXLEDGER_DATABASE_POOLER=transaction"

pytestmark = pytest.mark.skipif(not (PROGRAM or IN_CI), reason="no PgBouncer is installed")


@pytest.fixture(params=["it refuses options", "it loses options"])
def unsaid(request: pytest.FixtureRequest, cli_url: str) -> Iterator[Database]:
    """A pooler's address without the setting."""
    lines = "ignore_startup_parameters = options\n" if "loses" in request.param else ""
    with pgbouncer(cli_url, lines) as database:
        yield Database(database.address)


def test_a_connection_through_it_is_refused(unsaid: Database) -> None:
    with pytest.raises(PoolerNoticed, match=WANTED):
        connect(unsaid)
    with pytest.raises(PoolerNoticed, match=WANTED):
        asyncio.run(connect_async(unsaid))


@pytest.mark.parametrize("command", ["migrate", "stats", "worker", "web", "changes"])
def test_each_command_names_the_setting(unsaid: Database, cli: Cli, command: str) -> None:
    cli.setenv(
        DATABASE_URL=unsaid.address,
        REDIS_URL="redis://127.0.0.1:1/0",
        RXLEDGER_TRUEPILL_WEBHOOK_TOKENS="a-token-that-is-long-enough",
    )
    ran = cli.run(command)
    assert (ran.code, ran.err.splitlines()[-1]) == (1, f"rxledger: {WANTED}")


def test_doctor_asks_for_the_setting_and_is_content_with_it(unsaid: Database, cli: Cli) -> None:
    cli.setenv(DATABASE_URL=unsaid.address)
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert (found["postgresql"]["status"], found["postgresql"]["text"]) == ("fail", WANTED)

    cli.setenv(RXLEDGER_DATABASE_POOLER="transaction")
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert found["postgresql"]["status"] == found["durability"]["status"] == "ok"
    assert found["postgresql"]["text"].endswith("through a pooler")
