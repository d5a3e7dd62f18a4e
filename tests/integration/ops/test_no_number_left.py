"""A server that was never vacuumed has no number left for a transaction: it answers, and takes no write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ops.local.embedded import servers
from ops.local.postgres import Postgres
from store.db.connections import connect
from store.db.faults import is_environmental
from store.db.migrate import upgrade
from tests.support.commandline import Cli

#: Numbers that it keeps for whoever vacuums it, how many it has, and how many a file of its commit log holds.
KEPT, ALL, IN_FILE = 3_000_000, 1 << 31, 1 << 20


@pytest.fixture(scope="module")
def exhausted(short_tmp: Path) -> Iterator[str]:
    """The address of such a server, migrated to head."""
    folder = short_tmp / "exhausted"
    with servers(folder, valkey=False) as addresses:
        upgrade(addresses.database_url)
        with psycopg.connect(addresses.database_url, autocommit=True) as conn:
            # It would vacuum by itself, and be well again while the tests run.
            conn.execute("ALTER SYSTEM SET autovacuum_naptime = '20d'")
    server = Postgres(folder / "postgres")
    _use_up(server)
    server.start()
    try:
        yield server.url()
    finally:
        server.stop()


def _use_up(server: Postgres) -> None:
    """As if all numbers but the last ones had been given, to transactions that were committed."""
    number = (ALL - KEPT // 2) // IN_FILE * IN_FILE
    owner = server.user
    subprocess.run(
        [str(server.programs / "pg_resetwal"), "-x", str(number), "-D", str(server.folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        cwd=server.folder,
    )
    log = server.folder / "pg_xact" / f"{number // IN_FILE:04X}"
    log.write_bytes(bytes(IN_FILE // 4))
    if owner:
        os.chown(log, owner.pw_uid, owner.pw_gid)


def test_it_is_the_environments_fault_and_no_events(exhausted: str) -> None:
    with connect(exhausted) as conn, pytest.raises(psycopg.errors.ProgramLimitExceeded) as refused:
        conn.execute("INSERT INTO gauges (name, labels, value) VALUES ('one', '{}', 1)")
    assert is_environmental(refused.value)


def test_a_row_that_is_too_large_for_an_index_is_still_that_rows_fault(cli_url: str) -> None:
    with connect(cli_url) as conn, conn.transaction(force_rollback=True):
        conn.execute("CREATE TABLE names (name text PRIMARY KEY)")
        with pytest.raises(psycopg.errors.ProgramLimitExceeded) as refused:
            conn.execute(
                "INSERT INTO names SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n"
            )
    assert not is_environmental(refused.value)


def test_doctor_says_that_nothing_can_be_written(exhausted: str, cli: Cli) -> None:
    cli.setenv(DATABASE_URL=exhausted)
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert found["postgresql"]["status"] == "ok"
    assert found["writable"]["status"] == "fail"
    assert "no number left" in found["writable"]["text"]
    assert "VACUUM" in found["writable"]["todo"]


def test_doctor_warns_long_before(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.doctor.database.UNVACUUMED", 1)
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert found["writable"]["status"] == "warn"
    assert found["writable"]["todo"].startswith("VACUUM")
