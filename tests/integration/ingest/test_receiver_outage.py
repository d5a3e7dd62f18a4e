"""PostgreSQL slow, stalled, cut off, stopped: every answer still means that the event is kept."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psycopg

from ingest.limits import Limits
from ops.local.embedded import servers
from ops.local.postgres import Postgres
from store.db.migrate import upgrade
from tests.integration.ingest.conftest import NOW, Serve
from tests.support.receiver import Cable, Running, stored, until

QUICK = Limits(commit_seconds=0.5, probe_seconds=0.05, idle_seconds=0.2, check_seconds=0)


def fresh() -> bytes:
    return b'{"n": "%b"}' % os.urandom(20).hex().encode()


def spool_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "spool").glob("*/*.batch"))


def ready(receiver: Running) -> dict[str, bool]:
    document: dict[str, bool] = receiver.request("GET", "/readyz").json
    return document


def test_a_cut_connection_costs_no_answer_and_the_spool_is_drained(
    start: Serve, cable: Cable, inbox_url: str, tmp_path: Path
) -> None:
    receiver = start(QUICK, cable.url)
    first = receiver.post(fresh()).json
    cable.cut()
    bodies = [fresh() for _ in range(5)]
    answers = [receiver.post(body).json for body in bodies]
    assert not any(answer["duplicate"] for answer in answers)
    assert receiver.post(bodies[0]).json == {**answers[0], "duplicate": True}
    assert spool_files(tmp_path)
    assert not any(body in path.read_bytes() for path in spool_files(tmp_path) for body in bodies)
    assert ready(receiver) == {"ready": True, "postgresql": False, "spool": True}
    hinted = len(receiver.hints)
    cable.mend()
    until(lambda: not spool_files(tmp_path))
    until(lambda: len(receiver.hints) == hinted + 5)
    for answer in answers:
        assert [row[:3] for row in stored(inbox_url, answer["event"])] == [("truepill", "push", NOW)]
    assert receiver.post(bodies[1]).json == {**answers[1], "duplicate": True}
    assert len(stored(inbox_url, first["event"])) == 1
    until(lambda: ready(receiver)["postgresql"])


def test_a_server_that_no_longer_answers_is_given_up_in_time(
    start: Serve, cable: Cable, inbox_url: str, tmp_path: Path
) -> None:
    receiver = start(QUICK, cable.url)
    assert receiver.post(fresh()).status == 200
    cable.stall()
    began = time.monotonic()
    answer = receiver.post(fresh())
    assert answer.status == 200
    assert 0.4 < time.monotonic() - began < 3
    began = time.monotonic()
    assert receiver.post(fresh()).status == 200
    assert time.monotonic() - began < 0.4
    assert len(spool_files(tmp_path)) == 2
    cable.mend()
    until(lambda: not spool_files(tmp_path))
    # The stalled statement may have been committed too: the id makes them one.
    assert len(stored(inbox_url, answer.json["event"])) == 1


def test_a_table_that_is_locked_is_an_outage_until_it_takes_a_batch(
    start: Serve, inbox_url: str, tmp_path: Path
) -> None:
    receiver = start(QUICK)
    assert receiver.post(fresh()).status == 200
    with psycopg.connect(inbox_url) as conn:
        conn.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        assert receiver.post(fresh()).status == 200
        assert spool_files(tmp_path)
        time.sleep(0.3)
        assert not ready(receiver)["postgresql"]
    until(lambda: not spool_files(tmp_path) and ready(receiver)["postgresql"])


def test_an_idle_connection_that_has_died_is_replaced_without_the_spool(
    start: Serve, inbox_url: str, tmp_path: Path
) -> None:
    receiver = start(Limits(idle_seconds=60))
    assert receiver.post(fresh()).status == 200
    with psycopg.connect(inbox_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'rxledger-receiver'"
        )
    assert receiver.post(fresh()).status == 200
    assert not spool_files(tmp_path)
    assert b"rxledger_commit_failures_total 0.0" in receiver.request("GET", "/metrics").body


def test_without_any_durable_place_the_partner_is_told_to_come_again(
    start: Serve, cable: Cable, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("in the way")
    receiver = start(QUICK, cable.url)
    assert receiver.post(fresh()).status == 200
    cable.cut()
    answer = receiver.post(fresh())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert list(answer.json) == ["error"]
    unready = receiver.request("GET", "/readyz")
    assert (unready.status, unready.json) == (503, {"ready": False, "postgresql": False, "spool": False})
    cable.mend()
    until(lambda: receiver.post(fresh()).status == 200)


def test_a_receiver_starts_without_its_database(start: Serve, cable: Cable, tmp_path: Path) -> None:
    cable.cut()
    receiver = start(QUICK, cable.url)
    assert receiver.post(fresh()).status == 200
    assert len(spool_files(tmp_path)) == 1


def test_what_was_spooled_before_a_restart_is_drained_after_it(
    start: Serve, cable: Cable, inbox_url: str, tmp_path: Path
) -> None:
    cable.cut()
    one = start(QUICK, cable.url)
    event = one.post(fresh()).json["event"]
    one.server.should_exit = True
    until(lambda: not one.server.started or not spool_lock_is_held(tmp_path))
    two = start(QUICK, inbox_url)
    until(lambda: stored(inbox_url, event))
    assert stored(inbox_url, event)[0][2] == NOW
    until(lambda: two.hints)


def spool_lock_is_held(tmp_path: Path) -> bool:
    import fcntl

    for lock in (tmp_path / "spool").glob("*/lock"):
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def test_a_real_server_stopped_under_load_loses_nothing(
    start: Serve, short_tmp: Path, tmp_path: Path
) -> None:
    folder = short_tmp / "stopped"
    with servers(folder, valkey=False) as addresses:
        url = addresses.database_url
        upgrade(url)
    server = Postgres(folder / "postgres")
    server.start()
    try:
        receiver = start(QUICK, url)
        answers: list[dict[str, object]] = []
        done = threading.Event()

        def send() -> None:
            while not done.is_set():
                answer = receiver.post(fresh())
                assert answer.status == 200
                answers.append(answer.json)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(answers) > 50)
            server.stop()
            reached = len(answers)
            until(lambda: len(answers) > reached + 50, 20)
            server.start()
            reached = len(answers)
            until(lambda: len(answers) > reached + 50, 20)
        finally:
            done.set()
            for thread in threads:
                thread.join(20)
        until(lambda: not spool_files(tmp_path), 30)
        until(lambda: len(receiver.hints) == len(answers))
        with psycopg.connect(url) as conn:
            kept = {row[0].hex for row in conn.execute("SELECT id FROM events WHERE received_at = %s", [NOW])}
        assert kept == {answer["event"] for answer in answers}
    finally:
        server.stop()
