"""Which requests the partner is asked about, and in which order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from store.ledger.registration import register
from store.pulls import poll_schedule
from store.pulls.poll_schedule import Due, PollResult
from tests.integration.contract.workers.test_apply import T0
from tests.support.factories import OrderSuccess, OrderTriage, Shipment
from tests.support.ledger import Ledger
from workers.pull.requests import waiting_states

KINDS = ("fill_request",)
QUIET = 3600.0


def due(ledger: Ledger, *, at_once: bool = False, as_of: datetime | None = None) -> list[Due]:
    now = poll_schedule.server_time(ledger.conn)
    wanted = as_of or (now if at_once else None)
    return poll_schedule.due(ledger.conn, KINDS, waiting_states(KINDS), QUIET, now, 100, wanted)


def keys(found: list[Due]) -> list[str]:
    return [one.key for one in found]


def age(ledger: Ledger, seconds: float = 2 * QUIET) -> None:
    """All of it was first heard of that long ago."""
    ledger.conn.execute("UPDATE entities SET first_seen = now() - %s", (timedelta(seconds=seconds),))


def order(key: str) -> dict[str, Any]:
    return dict(OrderSuccess(request_id=key, timestamp=T0))


def parcel(key: str, status: str, after: int) -> dict[str, Any]:
    return dict(Shipment(request_id=key, timestamp=T0 + after, details__status=status))


def delivered(ledger: Ledger, key: str, *, transit: bool = True) -> None:
    ledger.apply(order(key))
    if transit:
        ledger.apply(parcel(key, "TRANSIT", 60))
    ledger.apply(parcel(key, "DELIVERED", 120))


def test_a_request_with_news_of_a_moment_ago_is_not_asked_about_unless_somebody_wants_it_now(
    ledger: Ledger,
) -> None:
    delivered(ledger, "one")
    assert due(ledger) == []
    assert keys(due(ledger, at_once=True)) == ["one"]
    age(ledger)
    assert keys(due(ledger)) == ["one"]


def test_what_is_heard_of_later_is_for_the_next_time(ledger: Ledger) -> None:
    """Else somebody who wants it all now would never come to an end."""
    began = poll_schedule.server_time(ledger.conn)
    delivered(ledger, "one")
    assert due(ledger, as_of=began) == []
    assert keys(due(ledger, at_once=True)) == ["one"]


def test_what_failed_is_asked_about_again_and_what_answered_is_not(ledger: Ledger) -> None:
    """A record may be read meanwhile, and tell the end: its events are still to be had."""
    now = poll_schedule.server_time(ledger.conn)
    for key in ("failed", "answered"):
        register(ledger.conn, ledger.tools.keyed_hash, "fill_request", key, now=now - timedelta(days=3))
    as_of = poll_schedule.server_time(ledger.conn)
    first, second = sorted(due(ledger, as_of=as_of), key=lambda entity: entity.key)
    poll_schedule.note(ledger.conn, first, PollResult(1), QUIET)
    poll_schedule.put_off(ledger.conn, second, "500, the partner failed", QUIET)
    delivered(ledger, "answered")
    delivered(ledger, "failed")
    assert keys(due(ledger, as_of=as_of)) == ["failed"]


def test_what_ended_is_asked_about_once_and_again_when_it_has_changed(ledger: Ledger) -> None:
    delivered(ledger, "one")
    (entity,) = due(ledger, at_once=True)
    poll_schedule.note(ledger.conn, entity, PollResult(0), QUIET)
    assert due(ledger, at_once=True) == []
    ledger.apply(parcel("one", "RETURNED", 9000))
    assert keys(due(ledger, at_once=True)) == ["one"]


def test_what_ended_and_was_pulled_too_is_not_asked_about(ledger: Ledger) -> None:
    """Another stream of the partner's has passed it: what was lost of it would have come with that."""
    news = [order("one"), parcel("one", "TRANSIT", 60), parcel("one", "DELIVERED", 120)]
    ledger.apply(*news)
    ledger.apply(*news[:2], via="pull")
    assert keys(due(ledger, at_once=True)) == ["one"]
    ledger.apply(news[2], via="pull")
    assert due(ledger, at_once=True) == []


def test_what_waits_is_asked_about_though_all_of_it_was_pulled(ledger: Ledger) -> None:
    triage = dict(OrderTriage(request_id="one", timestamp=T0))
    ledger.apply(triage)
    ledger.apply(triage, via="pull")
    (entity,) = due(ledger, at_once=True)
    assert entity.waits
    poll_schedule.note(ledger.conn, entity, PollResult(0), QUIET)
    # Not at once again, however much somebody wants it: nothing has changed.
    assert due(ledger, at_once=True) == []


def test_a_registered_request_is_as_old_as_its_registration_says(ledger: Ledger) -> None:
    now: datetime = poll_schedule.server_time(ledger.conn)
    for key, made in (("old", timedelta(days=3)), ("new", timedelta(seconds=5))):
        register(ledger.conn, ledger.tools.keyed_hash, "fill_request", key, now=now - made)
    assert keys(due(ledger)) == ["old"]
    left = poll_schedule.left(ledger.conn, KINDS, waiting_states(KINDS), QUIET)
    assert (left.due, left.later) == (1, 1)
    assert left.next_at is not None
    assert abs(left.next_at - (now + timedelta(seconds=QUIET - 5))) < timedelta(seconds=2)


def test_a_history_that_jumps_is_told_from_one_that_does_not(ledger: Ledger) -> None:
    delivered(ledger, "whole")
    delivered(ledger, "jumped", transit=False)
    found = due(ledger, at_once=True)
    assert {one.key for one in found if one.id in poll_schedule.gaps(ledger.conn, found)} == {"jumped"}
    assert poll_schedule.gaps(ledger.conn, []) == set()
