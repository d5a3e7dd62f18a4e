"""Which entities are silent, counted for metrics and `doctor` and listed for the worklist."""

from __future__ import annotations

import pytest

from settings import Database
from statemachine import MACHINES
from statemachine.clocks import deadline
from statemachine.model import Summary
from statemachine.rules import DAY
from store.reports import queries, silence, worklists
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Ledger

AFTER = {("fill_request", "completed"): 5.0 * DAY}
STATES = [(kind, state) for kind, machine in MACHINES.items() for state in machine.clocks]


def waits(ledger: Ledger, kind: str, state: str, since: int, due: int | None = None) -> None:
    """An entity as applying leaves it: its deadline is what its machine's page says."""
    at = deadline(MACHINES[kind], Summary(state, since, None, None, None, since, due), None)
    ledger.conn.execute(
        "INSERT INTO entities (kind, key, state, since, last_at, due, deadline) VALUES "
        "(%s, %s, %s, to_timestamp(%s), to_timestamp(%s), to_timestamp(%s), to_timestamp(%s))",
        (kind, state, state, since, since, due, at),
    )


def listed(
    database: Database, clock: FixedTime, after: dict[tuple[str, str], float] | None = None
) -> dict[str, list[tuple[str, str]]]:
    """What stands on the worklist, by the list that it stands on."""
    after = after or {}
    with queries.snapshot(database) as conn:
        lists = {
            "silence": worklists.silent(conn, clock.now, None, 1000, after),
            "deadline": worklists.past_deadline(conn, clock.now, None, 1000, less=after),
            "due": worklists.due_today(conn, clock.now, None, 1000, less=after),
        }
    return {name: [(one.kind, one.state) for one in found] for name, found in lists.items() if found}


def counted(ledger: Ledger, after: dict[tuple[str, str], float] | None = None) -> dict[tuple[str, str], int]:
    found = silence.counts(ledger.conn, ledger.tools.clock(), after or {})
    return {(one.kind, one.state): one.entities for one in found}


def test_an_order_that_was_packed_and_never_shipped_is_silent_after_three_days(
    ledger: Ledger, database: Database, clock: FixedTime
) -> None:
    start = int(clock.now.timestamp())
    waits(ledger, "fill_request", "completed", start)
    clock.advance(days=3, seconds=-1)
    assert (counted(ledger), listed(database, clock)) == ({}, {})
    clock.advance(seconds=1)
    assert counted(ledger) == {("fill_request", "completed"): 1}
    assert listed(database, clock) == {"silence": [("fill_request", "completed")]}


def test_a_setting_says_another_number_of_days_and_counts_at_once(
    ledger: Ledger, database: Database, clock: FixedTime
) -> None:
    """Until then its deadline is an ordinary one, if it has passed."""
    waits(ledger, "fill_request", "completed", int(clock.now.timestamp()))
    clock.advance(days=4)
    assert counted(ledger, AFTER) == {}
    assert listed(database, clock, AFTER) == {"deadline": [("fill_request", "completed")]}
    clock.advance(days=1)
    assert counted(ledger, AFTER) == {("fill_request", "completed"): 1}
    assert listed(database, clock, AFTER) == {"silence": [("fill_request", "completed")]}
    sooner = {("fill_request", "completed"): 0.5 * DAY}
    clock.advance(days=-4)
    assert counted(ledger) == {}
    assert counted(ledger, sooner) == {("fill_request", "completed"): 1}


def test_a_transfer_is_told_near_its_six_days_and_not_when_they_are_over(
    ledger: Ledger, database: Database, clock: FixedTime
) -> None:
    since = int(clock.now.timestamp())
    waits(ledger, "transfer", "contacting", since)
    clock.advance(days=5, seconds=-1)
    assert listed(database, clock) == {}
    clock.advance(seconds=1)
    with queries.snapshot(database) as conn:
        (found,) = worklists.silent(conn, clock.now, "transfer", 10, {})
        assert worklists.past_deadline(conn, clock.now, None, 10) == []
    assert found.at == clock.now
    clock.advance(days=2)
    assert listed(database, clock) == {"silence": [("transfer", "contacting")]}


def test_a_date_that_the_partner_gave_is_neither_shortened_nor_prolonged(
    ledger: Ledger, database: Database, clock: FixedTime
) -> None:
    since = int(clock.now.timestamp())
    waits(ledger, "fill_request", "completed", since, due=since + 9 * DAY)
    clock.advance(days=9, seconds=-1)
    assert counted(ledger, AFTER) == {}
    assert listed(database, clock, AFTER) == {"due": [("fill_request", "completed")]}
    clock.advance(seconds=1)
    assert counted(ledger, AFTER) == {("fill_request", "completed"): 1}
    assert listed(database, clock, AFTER) == {"silence": [("fill_request", "completed")]}


@pytest.mark.parametrize("after", [{}, AFTER, dict.fromkeys(AFTER, 30.0)])
@pytest.mark.parametrize("days", [0.5, 1, 2, 3, 5, 6, 7, 10, 11, 40])
def test_counts_and_lists_agree_in_every_state_and_nobody_stands_on_two(
    ledger: Ledger, database: Database, clock: FixedTime, days: float, after: dict[tuple[str, str], float]
) -> None:
    since = int(clock.now.timestamp())
    for kind, state in STATES:
        waits(ledger, kind, state, since)
    clock.advance(days=days)
    found = listed(database, clock, after)
    silent = found.get("silence", [])
    assert counted(ledger, after) == dict.fromkeys(silent, 1)
    expected = {
        (kind, state)
        for kind, state in STATES
        if (told := MACHINES[kind].clocks[state].silence) is not None
        and after.get((kind, state), told.seconds) <= days * DAY
    }
    assert set(silent) == expected
    overdue = {(k, s) for k, s in STATES if MACHINES[k].clocks[s].seconds <= days * DAY}
    assert set(found.get("deadline", [])) == overdue - expected


def test_what_has_come_to_its_end_is_never_silent(
    ledger: Ledger, database: Database, clock: FixedTime
) -> None:
    ends = [(k, s) for k, machine in MACHINES.items() for s in machine.states if s not in machine.clocks]
    for kind, state in ends:
        waits(ledger, kind, state, int(clock.now.timestamp()))
    clock.advance(days=400)
    assert (counted(ledger), listed(database, clock)) == ({}, {})
