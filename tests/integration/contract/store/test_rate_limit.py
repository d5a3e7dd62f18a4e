"""The budget of calls and the circuit, as any number of workers see them."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from partners.faults import CallFailed, Failing, KeyRefused, NotGranted, Silent, Throttled
from settings import Database
from store.db.connections import connect
from store.pulls import rate_limit
from workers.pull.rate_gate import MOST_AHEAD, NotNow, SharedGate

Connection = psycopg.Connection[Any]
PARTNER = "truepill"


def shift(conn: Connection, seconds: float) -> None:
    """Let so much time pass: what stands in the row is so much longer ago."""
    conn.execute(
        "UPDATE calls SET next_at = next_at - %(s)s * interval '1 s', "
        "paused_until = paused_until - %(s)s * interval '1 s', "
        "open_until = open_until - %(s)s * interval '1 s'",
        {"s": seconds},
    )


def gate(conn: Connection, patience: float = 0.0, slept: list[float] | None = None) -> SharedGate:
    def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)
        shift(conn, seconds)

    return SharedGate(conn, PARTNER, 60, patience=patience, sleep=sleep)


def taken(conn: Connection, per_minute: int, most: int = 1000) -> int:
    """How many calls can be made at once."""
    return next(n for n in range(most) if rate_limit.take_calls(conn, PARTNER, per_minute).wait)


def test_a_quiet_time_saves_up_a_burst_and_then_calls_are_spaced(conn: Connection) -> None:
    assert rate_limit.take_calls(conn, PARTNER, 6).wait == 0
    shift(conn, 3600)
    # Ten seconds' worth at six a minute is one call, at 600 a minute a hundred.
    assert taken(conn, 6) == 1
    shift(conn, 3600)
    # The clock runs on while they are counted.
    assert 100 <= taken(conn, 600) <= 110
    wait = rate_limit.take_calls(conn, PARTNER, 600)
    assert wait.why == "budget"
    assert 0 < wait.wait <= 0.1


def test_any_number_of_workers_share_one_budget(database: Database, conn: Connection) -> None:
    made: list[bool] = []

    def work() -> None:
        with connect(database, "test") as own:
            made.extend(not rate_limit.take_calls(own, PARTNER, 12).wait for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # The first call, and no other for five seconds: nothing was saved up yet.
    assert sum(made) == 1


def test_a_gate_waits_as_long_as_it_is_patient(conn: Connection) -> None:
    slept: list[float] = []
    patient = gate(conn, 5, slept)
    for _ in range(4):
        patient.enter()
    assert len(slept) >= 3
    with pytest.raises(NotNow) as raised:
        gate(conn).enter()
    assert raised.value.why == "budget"


@pytest.mark.parametrize("fault", [Failing("x", "500", 500), Silent("x", "no answer")])
def test_the_circuit_opens_after_failures_in_a_row_and_one_probe_goes_through(
    conn: Connection, fault: CallFailed
) -> None:
    door = gate(conn, 60)
    for _ in range(rate_limit.OPENS_AFTER):
        door.enter()
        door.leave(fault)
    with pytest.raises(NotNow, match="circuit"):
        door.enter()
    shift(conn, 31)
    door.enter()
    # The probe is under way: nobody else calls.
    with pytest.raises(NotNow, match="circuit"):
        gate(conn, 60).enter()
    door.leave(fault)
    # It failed: twice as long, up to a quarter less.
    shift(conn, 31)
    with pytest.raises(NotNow, match="circuit"):
        door.enter()
    shift(conn, 30)
    door.enter()
    door.leave(None)
    for _ in range(3):
        door.enter()
    assert conn.execute("SELECT failures, open_until, trouble FROM calls").fetchone() == (0, None, None)


def test_a_probe_that_never_says_how_it_went_is_followed_by_another(conn: Connection) -> None:
    door = gate(conn, 60)
    door.enter()
    door.leave(KeyRefused("x", "401", 401))
    shift(conn, 31)
    door.enter()
    shift(conn, rate_limit.PROBE_SECONDS + 1)
    door.enter()


def test_a_refused_key_opens_the_circuit_at_once(conn: Connection) -> None:
    door = gate(conn, 60)
    door.enter()
    door.leave(KeyRefused("notify_rx", "401, the API key is refused", 401))
    with pytest.raises(NotNow, match="circuit"):
        door.enter()
    (trouble,) = conn.execute("SELECT trouble FROM calls").fetchone() or ("",)
    assert trouble == "notify_rx: 401, the API key is refused"


def test_a_probe_that_fails_otherwise_leaves_the_circuit_open(conn: Connection) -> None:
    door = gate(conn, 60)
    door.enter()
    door.leave(KeyRefused("x", "401", 401))
    shift(conn, 31)
    door.enter()
    door.leave(Failing("x", "500", 500))
    with pytest.raises(NotNow, match="circuit"):
        door.enter()
    shift(conn, 31)
    door.enter()


def test_failures_that_are_about_one_thing_leave_the_circuit_closed(conn: Connection) -> None:
    door = gate(conn, 60)
    for _ in range(rate_limit.OPENS_AFTER * 2):
        door.enter()
        door.leave(NotGranted("fill_request", "404", 404))
    door.enter()


def test_no_number_of_failures_breaks_the_reckoning_of_the_wait(conn: Connection) -> None:
    rate_limit.take_calls(conn, PARTNER, 60)
    conn.execute("UPDATE calls SET failures = 1000000")
    rate_limit.failed(conn, PARTNER, "x: 500")
    permit = rate_limit.take_calls(conn, PARTNER, 60)
    assert permit.why == "circuit"
    assert 670 < permit.wait <= 900


def test_many_calls_a_second_are_taken_a_few_at_a_time_until_one_fails(conn: Connection) -> None:
    door = SharedGate(conn, PARTNER, 6_000, patience=0)

    def next_at() -> Any:
        (found,) = conn.execute("SELECT next_at FROM calls").fetchone() or (None,)
        assert found is not None
        return found

    door.enter()
    first = next_at()
    for _ in range(MOST_AHEAD - 1):
        door.leave(None)
        door.enter()
    assert next_at() == first
    shift(conn, 1)
    before = next_at()
    door.enter()
    assert next_at() > before
    door.leave(NotGranted("fill_request", "404", 404))
    shift(conn, 1)
    before = next_at()
    door.enter()
    assert next_at() > before


def test_calls_that_go_well_are_written_down_once_a_second(conn: Connection) -> None:
    door = gate(conn, 60)
    written = []
    for past in (0, 0, 0, 2):
        conn.execute("UPDATE calls SET answered_at = answered_at - %s * interval '1 s'", (past,))
        door.enter()
        before = conn.execute("SELECT answered_at FROM calls").fetchone()
        door.leave(None)
        written.append(conn.execute("SELECT answered_at FROM calls").fetchone() != before)
    assert written == [True, False, False, True]


def test_what_the_partner_asks_to_wait_all_workers_wait(database: Database, conn: Connection) -> None:
    door = gate(conn, 60)
    door.enter()
    door.leave(Throttled("x", 45))
    with connect(database, "test") as other, pytest.raises(NotNow) as raised:
        SharedGate(other, PARTNER, 600, patience=30).enter()
    assert raised.value.why == "pause"
    assert 30 < raised.value.wait <= 45
    slept: list[float] = []
    gate(conn, 60, slept).enter()
    assert 30 < sum(slept) <= 46
