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


def triage(key: str, after: int) -> dict[str, Any]:
    return dict(OrderTriage(request_id=key, timestamp=T0 + after))


def contradicted(ledger: Ledger, key: str) -> None:
    """Delivered, and then it is said to be in triage: nothing but the review waits for news."""
    delivered(ledger, key)
    ledger.apply(triage(key, 180))
    received_now(ledger)


def received_now(ledger: Ledger) -> None:
    """All facts came this moment by the server's clock, which lookups go by."""
    ledger.conn.execute("UPDATE facts SET received_at = clock_timestamp() - interval '1 s'")


def pass_time(ledger: Ledger, seconds: float) -> None:
    """So much later, all that is written down is so much longer ago."""
    ledger.conn.execute(
        "UPDATE lookups SET looked_at = looked_at - %(s)s * interval '1 s', "
        "next_at = next_at - %(s)s * interval '1 s'",
        {"s": seconds},
    )
    ledger.conn.execute("UPDATE facts SET received_at = received_at - %s * interval '1 s'", (seconds,))


def fruitless_poll(ledger: Ledger) -> float:
    """Poll the one that is due, in vain, and let the time to the next pass; how many hours that is."""
    (entity,) = due(ledger)
    poll_schedule.note(ledger.conn, entity, PollResult(0), QUIET)
    row = ledger.conn.execute(
        "SELECT extract(epoch FROM next_at - looked_at)::float8 FROM lookups"
    ).fetchone()
    assert row is not None
    pass_time(ledger, row[0] - 5)
    assert due(ledger) == []
    pass_time(ledger, 10)
    return round(float(row[0]) / QUIET, 3)


def test_what_only_a_review_keeps_waiting_is_asked_about_less_and_less_and_at_last_no_more(
    ledger: Ledger,
) -> None:
    contradicted(ledger, "one")
    (entity,) = due(ledger)
    assert (entity.waits, entity.only_review) == (True, True)
    assert [fruitless_poll(ledger) for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 168, 168]
    pass_time(ledger, 400 * 86_400)
    assert due(ledger) == due(ledger, at_once=True) == []
    assert poll_schedule.left(ledger.conn, KINDS, waiting_states(KINDS), QUIET) == (0, 0, None)


def test_news_of_what_is_under_review_starts_its_polls_over(ledger: Ledger) -> None:
    contradicted(ledger, "one")
    for _ in range(8):
        fruitless_poll(ledger)
    (entity,) = due(ledger)
    poll_schedule.note(ledger.conn, entity, PollResult(0), QUIET)
    ledger.apply(triage("one", 9000))
    # Not at once again, but not in a week either.
    assert due(ledger) == []
    pass_time(ledger, QUIET + 1)
    assert [fruitless_poll(ledger) for _ in range(3)] == [1, 2, 4]


def test_news_of_an_older_time_starts_polls_over_that_came_to_their_end(ledger: Ledger) -> None:
    """It changes neither the state nor the time of the last news, and yet is what a review waits for."""
    contradicted(ledger, "one")
    for _ in range(10):
        fruitless_poll(ledger)
    assert due(ledger) == []
    ledger.apply(triage("one", 150))
    received_now(ledger)
    assert [fruitless_poll(ledger) for _ in range(3)] == [1, 2, 4]


def test_what_we_derive_anew_does_not_start_the_polls_of_a_review_over(ledger: Ledger) -> None:
    contradicted(ledger, "one")
    for _ in range(10):
        fruitless_poll(ledger)
    ledger.conn.execute("UPDATE facts SET via = '{derived}' WHERE occurred_at = to_timestamp(%s)", (T0 + 60,))
    received = "UPDATE facts SET received_at = clock_timestamp() WHERE via = '{derived}'"
    assert ledger.conn.execute(received).rowcount == 1
    assert due(ledger) == []


def test_a_partner_that_fails_does_not_start_the_polls_of_a_review_over(ledger: Ledger) -> None:
    contradicted(ledger, "one")
    assert [fruitless_poll(ledger) for _ in range(3)] == [1, 2, 4]
    (entity,) = due(ledger)
    poll_schedule.put_off(ledger.conn, entity, "500, the partner failed", QUIET)
    assert due(ledger) == []
    pass_time(ledger, QUIET + 1)
    assert fruitless_poll(ledger) == 8


def test_what_is_open_or_overdue_is_asked_about_daily_under_review_too(ledger: Ledger) -> None:
    ledger.apply(triage("one", 0))
    received_now(ledger)
    overdue = "UPDATE entities SET state = 'delivered', deadline = now() - interval '1 day'"
    for change in ("UPDATE entities SET review = 'doubtful'", overdue):
        ledger.conn.execute(change)
        ledger.conn.execute("DELETE FROM lookups")
        assert [fruitless_poll(ledger) for _ in range(14)] == [1, 2, 4, 8, 16, *[24] * 9]
        (entity,) = due(ledger)
        assert (entity.waits, entity.only_review) == (True, False)


def test_one_that_is_asked_for_by_hand_is_found_with_its_place_in_the_schedule(ledger: Ledger) -> None:
    contradicted(ledger, "one")
    fruitless_poll(ledger)
    found = poll_schedule.find(ledger.conn, "fill_request", "one", waiting_states(KINDS), QUIET)
    assert found == due(ledger)[0]
    assert found.fruitless == 1
    assert poll_schedule.find(ledger.conn, "fill_request", "two", waiting_states(KINDS), QUIET) is None
