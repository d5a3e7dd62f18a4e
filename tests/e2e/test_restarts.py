"""What dies under `rxledger up` comes back, and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.e2e.conftest import Up, start_up, wait_until_gone
from tests.e2e.test_no_leak import post
from tests.support.factories import OrderSuccess, body


@pytest.fixture(scope="module")
def mortal(short_tmp: Path) -> Iterator[Up]:
    """An `up` whose parts are killed; each test leaves it whole."""
    running = start_up(short_tmp / "mortal" / "data")
    yield running
    # The holder guards those that run now.
    running.process.kill()
    running.process.wait()
    wait_until_gone(list(running.pids.values()))


def deliver(up: Up, key: str) -> None:
    """Post a callback that completes this fill request; it is answered 200."""
    token = up.ready["env"]["RXLEDGER_TRUEPILL_WEBHOOK_TOKENS"]
    content = body(OrderSuccess(request_id=key))
    status, answer = post(up, content, {"Authorization": f"Bearer {token}"})
    assert (status, json.loads(answer)["duplicate"]) == (200, False)


def wait_until_applied(up: Up, *keys: str) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(up.ready["database"], autocommit=True) as conn:
        query = "SELECT count(*) FROM entities WHERE key = ANY(%s) AND state = 'completed'"
        while conn.execute(query, [list(keys)]).fetchone() != (len(keys),):
            assert time.monotonic() < deadline, "not everything was applied"
            time.sleep(0.05)


def test_callbacks_are_answered_while_postgresql_is_killed_and_end_applied(mortal: Up) -> None:
    deliver(mortal, "before_the_kill")
    wait_until_applied(mortal, "before_the_kill")
    os.kill(mortal.pids["postgres"], signal.SIGKILL)
    for number in range(3):
        deliver(mortal, f"meanwhile_{number}")
    mortal.renewed("postgres")
    deliver(mortal, "after_the_kill")
    keys = ("meanwhile_0", "meanwhile_1", "meanwhile_2")
    wait_until_applied(mortal, "before_the_kill", *keys, "after_the_kill")
    assert "the embedded postgres server ended by SIGKILL" in mortal.data.with_suffix(".log").read_text()


def test_a_killed_worker_comes_back_and_leaves_no_orphan(mortal: Up) -> None:
    pool = [child.pid for child in psutil.Process(mortal.pids["worker"]).children(recursive=True)]
    assert len(pool) >= 2
    os.kill(mortal.pids["worker"], signal.SIGKILL)
    before = mortal.renewed("worker")
    wait_until_gone([before["worker"], *pool], 1)
    deliver(mortal, "after_the_worker")
    wait_until_applied(mortal, "after_the_worker")
    log = mortal.data.with_suffix(".log").read_text()
    assert "worker   | ended by SIGKILL: started again in 0.5 s" in log


def test_receiver_broker_beat_and_flower_killed_at_once_come_back(mortal: Up) -> None:
    names = ("web", "valkey", "beat", "flower")
    addresses = {name: mortal.ready[name] for name in ("receiver", "flower", "database", "broker")}
    for name in names:
        os.kill(mortal.pids[name], signal.SIGKILL)
    mortal.renewed(*names)
    assert {name: mortal.ready[name] for name in addresses} == addresses
    assert all(psutil.pid_exists(pid) for pid in mortal.pids.values())
    deliver(mortal, "after_the_receiver")
    wait_until_applied(mortal, "after_the_receiver")
