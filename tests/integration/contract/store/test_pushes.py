"""A partner's silence: what is usual is learnt, and only what pulls show makes it a warning."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from settings import Database, SilenceSettings
from store.db.connections import connect
from store.db.locks import SILENCE
from store.inbox.admit import admit_now
from store.reports import pushes
from store.reports.pushes import Silence
from tests.support.factories import NotifyRx
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Ledger
from workers.reports import silence

Push = Callable[[], None]
Connection = psycopg.Connection[Any]
HOUR = timedelta(hours=1)
names = itertools.count()


def event(at: datetime) -> dict[str, Any]:
    token = f"rx{next(names):06}"
    return dict(NotifyRx(timestamp=int(at.timestamp()), details__prescription_token=token))


@pytest.fixture
def push(ledger: Ledger, clock: FixedTime) -> Push:
    def pushed() -> None:
        ledger.apply(event(clock.now))

    return pushed


def learn(ledger: Ledger) -> None:
    with ledger.conn.transaction():
        pushes.learn(ledger.conn, ledger.tools.clock())


def recheck(ledger: Ledger, least: timedelta = HOUR) -> Silence:
    (found,) = pushes.silences(ledger.conn, ledger.tools.clock(), least)
    return found


def days_of_office_hours(
    ledger: Ledger, clock: FixedTime, push: Push, days: int, *, night: float = 14
) -> None:
    """Pushes every hour, and none at night; looked at as a worker does. Ends in the evening."""
    for day in range(days):
        if day:
            clock.advance(hours=night)
        for _ in range(24 - round(night)):
            push()
            learn(ledger)
            clock.advance(hours=1)
    clock.advance(hours=-1)


def pulled(ledger: Ledger, at: datetime) -> None:
    """An event that only a pull brought, taken in now."""
    ledger.apply(event(at), via="pull")


def test_a_partner_that_falls_silent_while_pulls_show_events_is_told(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    days_of_office_hours(ledger, clock, push, 5)
    last = clock.now
    clock.advance(hours=15)
    pulled(ledger, last + timedelta(hours=2))
    pulled(ledger, last + timedelta(hours=3))
    assert (recheck(ledger).last_at, recheck(ledger).missed) == (last, 0)
    clock.advance(seconds=1)
    assert (recheck(ledger).usual, recheck(ledger).missed) == (timedelta(hours=15), 2)


def test_a_quiet_night_is_usual_although_a_push_was_lost_in_it(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    days_of_office_hours(ledger, clock, push, 4)
    clock.advance(hours=10)
    pulled(ledger, clock.now - timedelta(hours=5))
    assert recheck(ledger).missed == 0


def test_silence_of_which_pulls_show_nothing_is_none(ledger: Ledger, clock: FixedTime, push: Push) -> None:
    """A holiday: what is pulled happened before it, was pushed as well, or is too fresh."""
    days_of_office_hours(ledger, clock, push, 4)
    last = event(clock.now)
    ledger.apply(last)
    clock.advance(days=3)
    ledger.apply(last, via="pull")
    pulled(ledger, clock.now - timedelta(days=4))
    pulled(ledger, clock.now - timedelta(minutes=1))
    assert (recheck(ledger).missed, clock.now - recheck(ledger).since) == (0, timedelta(days=3))


def test_a_new_installation_has_a_day_before_anything_is_said(ledger: Ledger, clock: FixedTime) -> None:
    """Its first pulls bring weeks of what happened before anybody listened."""
    began = clock.now
    assert pushes.silences(ledger.conn, clock.now, HOUR) == []
    for days in range(1, 30):
        pulled(ledger, clock.now - timedelta(days=days))
    learn(ledger)
    clock.advance(hours=23)
    pulled(ledger, began + HOUR)
    learn(ledger)
    assert (recheck(ledger).missed, recheck(ledger).last_at) == (0, None)
    clock.advance(hours=2)
    found = recheck(ledger)
    assert (found.missed, found.since, found.usual) == (1, began, timedelta(days=1))


def test_one_outage_in_a_fortnight_teaches_nothing(ledger: Ledger, clock: FixedTime, push: Push) -> None:
    days_of_office_hours(ledger, clock, push, 6)
    clock.advance(days=2)
    days_of_office_hours(ledger, clock, push, 4)
    assert ledger.conn.execute("SELECT max(longest) FROM push_gaps").fetchall()[0][0] == timedelta(days=2)
    assert recheck(ledger).usual == timedelta(hours=15)


def test_what_was_usual_long_ago_is_forgotten(ledger: Ledger, clock: FixedTime, push: Push) -> None:
    days_of_office_hours(ledger, clock, push, 4, night=20)
    clock.advance(days=1)
    days_of_office_hours(ledger, clock, push, 14, night=2)
    assert recheck(ledger).usual == timedelta(hours=3)
    assert ledger.count("push_gaps") <= pushes.DAYS + 1


def test_a_short_silence_is_never_told_however_busy_the_partner_is(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    days_of_office_hours(ledger, clock, push, 4, night=1)
    clock.advance(hours=3)
    pulled(ledger, clock.now - HOUR)
    assert recheck(ledger).missed == 1
    assert recheck(ledger, timedelta(hours=4)).missed == 0


def test_a_push_since_the_worker_last_looked_ends_the_silence(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    days_of_office_hours(ledger, clock, push, 4)
    clock.advance(days=1)
    pulled(ledger, clock.now - HOUR)
    assert recheck(ledger).missed == 1
    push()
    assert (recheck(ledger).missed, recheck(ledger).last_at) == (0, clock.now)


def test_looking_twice_or_not_for_days_teaches_the_same(ledger: Ledger, clock: FixedTime, push: Push) -> None:
    """A worker that was away finds in the events what it would have seen."""
    for _ in range(72):
        push()
        clock.advance(hours=1)
    for _ in range(3):
        learn(ledger)
    longest = dict(ledger.conn.execute("SELECT day::text, longest FROM push_gaps").fetchall())
    assert set(longest.values()) == {HOUR}
    assert len(longest) == 4
    assert ledger.count("pushes") == 1


def test_of_more_events_than_are_looked_at_no_gap_is_made_up(
    ledger: Ledger, clock: FixedTime, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    push()
    learn(ledger)
    monkeypatch.setattr(pushes, "SAMPLE", 5)
    clock.advance(hours=9)
    for _ in range(10):
        clock.advance(seconds=10)
        push()
    learn(ledger)
    assert ledger.conn.execute("SELECT DISTINCT longest FROM push_gaps").fetchall() == [
        (timedelta(seconds=10),)
    ]
    assert recheck(ledger).last_at == clock.now


def test_what_came_out_of_the_spool_late_counts_by_when_it_was_received(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    push()
    clock.advance(hours=2)
    push()
    learn(ledger)
    pushes_before = recheck(ledger).last_at
    spooled = ledger.arrival(event(clock.now - HOUR), received_at=clock.now - HOUR)
    admit_now(ledger.conn, [spooled])
    learn(ledger)
    assert recheck(ledger).last_at == pushes_before


def test_our_own_looks_and_other_partners_are_no_pushes_of_this_one(
    ledger: Ledger, clock: FixedTime, push: Push
) -> None:
    days_of_office_hours(ledger, clock, push, 4)
    last = clock.now
    clock.advance(days=1)
    pulled(ledger, clock.now - HOUR)
    ours = ledger.arrival(b"{}", partner="rxledger", via="derived")
    others = [ours, ledger.arrival(b"{}", partner="healnow")]
    admit_now(ledger.conn, others)
    learn(ledger)
    found = {one.partner: one for one in pushes.silences(ledger.conn, clock.now, HOUR)}
    assert set(found) == {"healnow", "truepill"}
    assert (found["truepill"].last_at, found["truepill"].missed) == (last, 1)
    assert found["healnow"].last_at == clock.now


def gauges(conn: Connection) -> dict[tuple[str, str], float]:
    rows = conn.execute("SELECT name, labels::text, value FROM gauges").fetchall()
    return {(name.removeprefix("rxledger_"), labels): value for name, labels, value in rows}


def test_a_worker_keeps_the_figures_and_replaces_them(ledger: Ledger, clock: FixedTime, push: Push) -> None:
    days_of_office_hours(ledger, clock, push, 4)
    ledger.conn.execute(
        "INSERT INTO entities (kind, key, state, deadline) VALUES ('copay', 'c', 'pending', %s)", (clock.now,)
    )
    clock.advance(days=1)
    pulled(ledger, clock.now - HOUR)
    silence.watch(ledger.conn, clock.now, SilenceSettings())
    found = gauges(ledger.conn)
    partner = '{"partner": "truepill"}'
    assert found["silent_entities", '{"kind": "copay", "state": "pending"}'] == 1
    assert found["silent_entities", '{"kind": "transfer", "state": "contacting"}'] == 0
    assert (found["partner_silent", partner], found["partner_missed_facts", partner]) == (1, 1)
    assert found["partner_usual_gap_seconds", partner] == 15 * 3600
    assert found["watched_timestamp_seconds", "{}"] == clock.now.timestamp()
    push()
    silence.watch(ledger.conn, clock.now, SilenceSettings())
    again = gauges(ledger.conn)
    assert set(again) == set(found)
    assert (again["partner_silent", partner], again["partner_missed_facts", partner]) == (0, 0)


def test_of_two_that_watch_at_once_one_does_nothing(
    ledger: Ledger, database: Database, clock: FixedTime, push: Push
) -> None:
    push()
    with connect(database, "other") as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (SILENCE,))
        silence.watch(ledger.conn, clock.now, SilenceSettings())
        assert (ledger.count("pushes"), ledger.count("gauges")) == (0, 0)
    silence.watch(ledger.conn, clock.now, SilenceSettings())
    assert ledger.count("pushes") == 1
