"""A synchronous standby is away: COMMITs wait for it without end, also when who asked for them has gone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.limits import Limits
from ops.local.embedded import servers
from store.db.migrate import upgrade
from tests.integration.ingest.conftest import Serve
from tests.support.receiver import stored, until

QUICK = Limits(commit_seconds=0.3, probe_seconds=0.05, idle_seconds=0.2, batch_rows=1)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def replicated(short_tmp: Path) -> Iterator[str]:
    """The address of a server of our own, whose standbys a test may name."""
    with servers(short_tmp / "replicated", valkey=False) as addresses:
        upgrade(addresses.database_url)
        yield addresses.database_url


def name_standbys(conn: psycopg.Connection[Any], names: str) -> None:
    conn.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    conn.execute("SELECT pg_reload_conf()")
    until(lambda: conn.execute("SHOW synchronous_standby_names").fetchone() == (names,))


def test_a_stalled_server_is_not_filled_with_waiting_connections(
    start: Serve, replicated: str, tmp_path: Path
) -> None:
    receiver = start(QUICK, replicated)
    with psycopg.connect(replicated, autocommit=True) as conn:
        name_standbys(conn, "nobody")
        try:
            bodies = [b'{"n": "%b"}' % os.urandom(9).hex().encode() for _ in range(40)]
            events = [receiver.post(body).json["event"] for body in bodies]
            most = 0
            for _ in range(50):
                time.sleep(0.1)
                most = max(most, conn.execute(WAITING).fetchall()[0][0])
            assert most <= 4
            assert not receiver.request("GET", "/readyz").json["postgresql"]
        finally:
            name_standbys(conn, "")
    until(lambda: not list((tmp_path / "spool").glob("*/*.batch")), 30)
    assert all(stored(replicated, event) for event in events)
    until(lambda: receiver.request("GET", "/readyz").json["postgresql"])
