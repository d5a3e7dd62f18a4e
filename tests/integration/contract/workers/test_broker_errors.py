"""A broker that is there and answers with errors: a replica, or one out of memory. No worker ends of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ops.local.embedded import servers
from settings import Database
from tests.integration.contract.workers.test_apply import life
from tests.support.ledger import Ledger
from tests.support.workers import Broker, environment, until, worker

#: How a broker is broken while it goes on answering, and how it is mended.
FAULTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "out of memory": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
}
REPLY_ERRORS = ("ReadOnlyError", "OutOfMemoryError", "ResponseError")


@pytest.fixture(scope="module")
def broker(short_tmp: Path) -> Iterator[Broker]:
    """One of our own, that may be broken."""
    with servers(short_tmp / "broken-broker", postgres=False) as addresses:
        broker = Broker(addresses.broker_url, "")
        yield broker
        broker.app.close()


@pytest.fixture
def fault(
    request: pytest.FixtureRequest, broker: Broker
) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    broken, mended = FAULTS[request.param]
    with redis.Redis.from_url(broker.url) as client:
        yield (lambda: client.execute_command(*broken)), (lambda: client.execute_command(*mended))
        client.execute_command(*mended)


@pytest.mark.parametrize("fault", ["replica"], indirect=True)
def test_a_worker_outlives_a_broker_that_answers_with_errors(
    ledger: Ledger,
    database: Database,
    broker: Broker,
    tmp_path: Path,
    fault: tuple[Callable[[], None], Callable[[], None]],
) -> None:
    break_it, mend_it = fault
    log = tmp_path / "log"
    with worker(environment(database, broker, tmp_path), log) as process:
        break_it()
        time.sleep(3)
        mend_it()
        assert process.poll() is None, log.read_text()
        broker.send("rxledger.apply", ledger.admit(*life("after")))
        until(lambda: ledger.queued() == [], f"the worker does not take hints any more: {log.read_text()}")
        assert process.poll() is None
    assert ledger.state("after") == "delivered"


@pytest.mark.parametrize("fault", ["out of memory"], indirect=True)
def test_a_worker_that_starts_meanwhile_comes_up_once_the_broker_is_well(
    ledger: Ledger,
    database: Database,
    broker: Broker,
    tmp_path: Path,
    fault: tuple[Callable[[], None], Callable[[], None]],
) -> None:
    break_it, mend_it = fault
    break_it()
    log = tmp_path / "log"
    with worker(environment(database, broker, tmp_path), log, wait=False) as process:
        until(lambda: any(name.encode() in log.read_bytes() for name in REPLY_ERRORS), log.read_text())
        time.sleep(1)
        assert process.poll() is None, log.read_text()
        mend_it()
        broker.send("rxledger.apply", ledger.admit(*life("after")))
        until(lambda: ledger.queued() == [], f"the worker did not come up: {log.read_text()}")
    assert ledger.state("after") == "delivered"
