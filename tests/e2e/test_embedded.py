"""The embedded servers of a data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from ops.local.embedded import Addresses, EmbeddedError, hold, servers
from tests.e2e.conftest import wait_until_gone

HOLD = """
import sys, time
from pathlib import Path
from ops.local.embedded import servers
with servers(Path(sys.argv[1])) as addresses:
    print(addresses.holder, *addresses.pids.values(), flush=True)
    time.sleep(60)
"""


def remember(addresses: Addresses, value: int) -> None:
    with psycopg.connect(addresses.database_url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS remembered (value int)")
        conn.execute("INSERT INTO remembered VALUES (%s)", [value])
    with redis.from_url(addresses.broker_url) as client:
        client.set("remembered", value)


def remembered(addresses: Addresses) -> list[int]:
    with psycopg.connect(addresses.database_url) as conn:
        return [row[0] for row in conn.execute("SELECT value FROM remembered ORDER BY value")]


def test_both_servers_keep_data_and_addresses_between_runs(short_tmp: Path) -> None:
    folder = short_tmp / "kept"
    with servers(folder) as first:
        remember(first, 1)
    wait_until_gone([first.holder, *first.pids.values()])
    with servers(folder) as second, redis.from_url(second.broker_url) as client:
        assert remembered(second) == [1]
        assert client.get("remembered") == b"1"
        assert second.database_url == first.database_url
        assert second.broker_url == first.broker_url


def test_what_was_committed_survives_the_kill_of_everything(short_tmp: Path) -> None:
    folder = short_tmp / "killed"
    caller = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    with caller.stdout:
        pids = [int(pid) for pid in caller.stdout.readline().split()]
    for pid in [*pids, caller.pid]:
        os.kill(pid, signal.SIGKILL)
    caller.wait()
    # The pid in the lock file is now that of a living process which is no server.
    lock = folder / "postgres" / "postmaster.pid"
    lock.write_text(lock.read_text().replace(str(pids[1]), str(os.getpid()), 1))
    with servers(folder) as addresses:
        remember(addresses, 2)
        assert remembered(addresses) == [2]


def test_the_servers_stop_when_their_caller_is_killed(short_tmp: Path) -> None:
    arguments = [sys.executable, "-c", HOLD, str(short_tmp / "orphaned")]
    caller = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    with caller.stdout:
        pids = [int(pid) for pid in caller.stdout.readline().split()]
    caller.kill()
    caller.wait()
    wait_until_gone(pids)


def test_servers_that_outlived_their_holder_are_taken_over(short_tmp: Path) -> None:
    folder = short_tmp / "outlived"
    with servers(folder) as first:
        remember(first, 3)
        os.kill(first.holder, signal.SIGKILL)
        wait_until_gone([first.holder])
        with servers(folder) as second:
            assert remembered(second) == [3]
    wait_until_gone([*first.pids.values(), *second.pids.values()])


def test_killed_servers_come_back_where_they_were_with_what_was_committed(short_tmp: Path) -> None:
    # The long path puts the socket into a folder of its own.
    with hold(short_tmp / ("mortal " * 15) / "data") as holder:
        first = holder.addresses
        remember(first, 4)
        with psycopg.connect(first.database_url, autocommit=True) as conn:
            # A backend that is busy when its postmaster is gone.
            busy = threading.Thread(target=interrupted, args=(conn,))
            busy.start()
            for pid in first.pids.values():
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while set(holder.addresses.pids.values()) & set(first.pids.values()):
                assert time.monotonic() < deadline, "a server did not come back"
                time.sleep(0.05)
            busy.join(10)
        second = holder.addresses
        assert replace(second, pids=first.pids) == first
        assert remembered(second) == [4]
        with redis.from_url(second.broker_url) as client:
            assert client.ping()
    wait_until_gone([first.holder, *second.pids.values()])


def interrupted(conn: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        conn.execute("SELECT pg_sleep(60)")


def test_a_folder_in_use_is_refused_and_says_by_whom(servers: Addresses, short_tmp: Path) -> None:
    from ops.local.embedded import servers as again

    with pytest.raises(EmbeddedError, match=f"process {servers.holder}"), again(short_tmp / "servers"):
        pytest.fail("two holders of one folder")


def test_a_long_path_with_odd_characters_works(short_tmp: Path) -> None:
    with servers(short_tmp / ("long " * 20) / "a, b", valkey=False) as addresses:
        with psycopg.connect(addresses.database_url) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert list(addresses.pids) == ["postgres"]


def test_commits_are_durable_and_nobody_else_gets_in(servers: Addresses) -> None:
    with psycopg.connect(servers.database_url) as conn:
        for name, value in (("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", "")):
            assert conn.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)
    port = servers.broker_url.rpartition(":")[2].partition("/")[0]
    with redis.Redis(port=int(port)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
