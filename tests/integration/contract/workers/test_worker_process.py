"""A real worker on every broker: hints may be lost, doubled or late, and bodies may kill; nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from settings import Database
from tests.faults.deadly_body import DEADLY
from tests.integration.contract.workers.test_apply import life
from tests.support.backends import BROKERS, SYSTEM_REDIS, own_prefix, own_vhost
from tests.support.factories import Transfer, TransferContact
from tests.support.ledger import Ledger
from tests.support.workers import SECONDS, Broker, comes, environment, until, worker


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with ExitStack() as stack:
        if request.param == "rabbitmq":
            place = stack.enter_context(own_vhost())
        elif request.param == "redis":
            place = stack.enter_context(own_prefix(SYSTEM_REDIS))
        else:
            place = stack.enter_context(own_prefix(request.getfixturevalue("servers").broker_url))
        broker = Broker(*place)
        yield broker
        broker.app.close()


@pytest.fixture
def env(database: Database, broker: Broker, tmp_path: Path) -> dict[str, str]:
    return environment(database, broker, tmp_path)


def applied(ledger: Ledger) -> None:
    until(lambda: ledger.queued() == [], "the queue was not emptied")


def overdue(ledger: Ledger) -> None:
    ledger.conn.execute("UPDATE queue SET due_at = now() - interval '1 second'")


def standing(ledger: Ledger) -> list[tuple[int, int]]:
    return ledger.conn.execute("SELECT seq, attempts FROM queue ORDER BY seq").fetchall()


def swept(ledger: Ledger, broker: Broker) -> bool:
    """Do beat's part once, as if the leases had passed; whether nothing is queued any more.

    One sweep may change nothing, and the next one does: it passes over rows that an attempt still holds, and
    an attempt is counted, which is all that a test sees of it, before it takes its rows and kills its worker.
    """
    before = standing(ledger)
    if before:
        overdue(ledger)
        broker.send("rxledger.sweep")
        comes(lambda: standing(ledger) != before, 1.0)
    return not before


def test_hinted_lost_doubled_and_senseless_hints_all_end_well(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    lost = ledger.admit(*life("lost"))
    with worker(env, tmp_path / "log"):
        seqs = ledger.admit(*life("hinted"))
        for _ in range(3):
            broker.send("rxledger.apply", seqs)
        broker.send("rxledger.apply", [10**12, -1])
        broker.send("rxledger.apply", [])
        until(lambda: ledger.queued() == sorted(lost), "the hinted events were not applied")
        overdue(ledger)
        broker.send("rxledger.sweep")
        applied(ledger)
    assert ledger.state("hinted") == ledger.state("lost") == "delivered"
    said = (tmp_path / "log").read_bytes()
    assert b"Traceback" not in said
    assert b"dropped" not in said


def test_two_workers_of_one_name_both_come_up(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    """As two of one machine do; each is waited for until it is ready."""
    with worker(env, tmp_path / "first"), worker(env, tmp_path / "second"):
        broker.send("rxledger.apply", ledger.admit(*life("theirs")))
        applied(ledger)
    assert ledger.state("theirs") == "delivered"


def test_what_is_no_hint_ends_no_worker(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    """Of each kind more than the worker has children, so that what one of them keeps is noticed too."""
    log = tmp_path / "log"
    hint = {"task": "rxledger.apply", "id": "an id"}
    with worker(env, log) as process:
        for _ in range(3):
            broker.put({"another": "application's"})
            broker.put([[1], {}], **hint)
            broker.put([[[1]], {}, {}], **hint | {"id": [1]})
            broker.put([[[1]], {}, {}], **hint, timelimit="soon")
            broker.put([[[1]], {}, {}], **hint | {"task": "another.application"})
            if broker.url.startswith("redis"):
                for raw in (b"", b"hello", b"[1]", b"{}", b'{"properties": null}', b"[" * 100_000):
                    broker.put_raw(raw)
        broker.send("rxledger.apply", ledger.admit(*life("after")))
        applied(ledger)
        assert process.poll() is None
        said = log.read_text()
        assert "Connection to broker lost" not in said
        assert "application" not in said.partition(" ready.")[2]
    assert ledger.state("after") == "delivered"


def test_a_body_that_kills_its_worker_is_buried_and_the_others_are_applied(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    seqs = ledger.admit(*life("innocent"), DEADLY)
    log = tmp_path / "log"
    with worker(env, log, "tests.faults.deadly_app"):
        broker.send("rxledger.apply", seqs)
        until(lambda: b"exitcode 9" in log.read_bytes(), "the body did not kill its worker")
        until(lambda: swept(ledger, broker), "the body was not buried", 4 * SECONDS)
    assert ledger.state("innocent") == "delivered"
    assert ledger.reasons() == ["poison"]


def test_learning_a_name_sends_a_hint_of_what_waited_for_it(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    """No sweep runs here: without a hint of their own the news would wait for one."""
    ledger.apply(Transfer(request_id=None, timestamp=1_590_800_000, details__transfer_token="tok1"))
    assert ledger.reasons() == ["unmatched"]
    with worker(env, tmp_path / "log"):
        broker.send("rxledger.apply", ledger.admit(TransferContact(details__transfer_token="tok1")))
        until(lambda: ledger.reasons() == [] == ledger.queued(), "what waited for the name was not applied")
    assert ledger.count("facts") == 2


def test_a_worker_that_is_told_to_stop_ends_what_it_holds(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    seqs = ledger.admit(*life("held"))
    ledger.conn.execute("INSERT INTO entities (kind, key, state) VALUES ('fill_request', 'held', 'pending')")
    log = tmp_path / "log"
    with worker(env, log) as process:
        with psycopg.connect(env["DATABASE_URL"]) as blocker:
            blocker.execute("SELECT FROM entities WHERE key = 'held' FOR UPDATE")
            broker.send("rxledger.apply", seqs)
            until(lambda: _waiting(ledger), "the worker did not come to the lock")
            os.kill(process.pid, signal.SIGTERM)
            until(lambda: b"Soft Shutdown" in log.read_bytes(), "no soft shutdown began")
        process.wait(20)
    assert (ledger.state("held"), ledger.queued()) == ("delivered", [])


def _waiting(ledger: Ledger) -> bool:
    row = ledger.conn.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()
    return row is not None and row[0] > 0


def test_a_worker_that_is_cut_off_gives_its_hint_back(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    seqs = ledger.admit(*life("held"))
    ledger.conn.execute("INSERT INTO entities (kind, key, state) VALUES ('fill_request', 'held', 'pending')")
    with worker(env, tmp_path / "log") as process, psycopg.connect(env["DATABASE_URL"]) as blocker:
        blocker.execute("SELECT FROM entities WHERE key = 'held' FOR UPDATE")
        broker.send("rxledger.apply", seqs)
        until(lambda: _waiting(ledger), "the worker did not come to the lock")
        os.kill(process.pid, signal.SIGTERM)
        process.wait(SECONDS)
    assert broker.waiting() == 1
    assert ledger.queued() == sorted(seqs)


def test_a_worker_whose_database_goes_away_counts_nothing_and_goes_on(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    with worker(env, tmp_path / "log"):
        seqs = ledger.admit(*life("first"))
        broker.send("rxledger.apply", seqs)
        applied(ledger)
        ledger.conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'rxledger-worker' AND datname = current_database()"
        )
        seqs = ledger.admit(*life("second"))
        for _ in range(4):
            broker.send("rxledger.apply", seqs)
        applied(ledger)
    assert ledger.state("second") == "delivered"


def test_a_worker_watches_for_silence(
    ledger: Ledger, broker: Broker, env: dict[str, str], tmp_path: Path
) -> None:
    ledger.apply(*life("watched"))
    with worker(env, tmp_path / "log"):
        for _ in range(2):  # as two beats do
            broker.send("rxledger.watch")
        until(lambda: ledger.count("pushes") == 1 and ledger.count("gauges") > 0, "no figures were kept")
    assert b"Traceback" not in (tmp_path / "log").read_bytes()
