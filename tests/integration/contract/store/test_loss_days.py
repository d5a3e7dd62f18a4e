"""The loss ledger: a fact is counted once, however it came, and flagged when the partner ought to tell it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import psycopg
import pytest

from settings import Database
from store.db.connections import connect
from store.inbox.deliveries import DeliveryRow, note_deliveries
from store.pulls import cursors, leases
from store.pulls.cursors import Progress
from store.reports import gauges, loss, loss_days, unconfirmed
from store.reports.gauges import Gauge
from store.reports.loss import DeliveryCount
from tests.support.backends import somebody_waits
from tests.support.factories import Consult, CopaySuccess, NotifyRx, OrderSuccess, Shipment, TransferContact
from tests.support.ledger import Ledger
from tests.support.records import FillRecord, enveloped
from workers.reports.callback_types import callback_types
from workers.reports.loss_days import count_day, recount, span
from workers.reports.pull_reach import confirming

Connection = psycopg.Connection[Any]
#: The tests' clock stands at noon of this day.
DAY = date(2026, 3, 1)
AT = int(datetime(2026, 3, 1, 11, 0, tzinfo=UTC).timestamp())
GRACE = 3600
TYPES = callback_types()
WHOLE = span(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), TYPES)


def counts(ledger: Ledger, day: date = DAY) -> dict[str, tuple[int, ...]]:
    """By type: pushed, pulled only, both ways, unconfirmed, flagged."""
    rows = count_day(ledger.conn, day, confirming(ledger.conn, GRACE, TYPES), TYPES)
    return {row.callback_type: row[3:] for row in rows}


@cache
def order(number: int = 1) -> dict[str, Any]:
    return dict(OrderSuccess(request_id=f"fill_{number}", timestamp=AT))


def in_other_words(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "revision": 2}


def arrival(number: int = 1, **more: Any) -> dict[str, Any]:
    return dict(NotifyRx(timestamp=AT, details__prescription_token=f"rx_{number}", **more))


def read_by_time(conn: Connection, name: str, since: int, until: int, *, ago: str = "1 minute") -> None:
    conn.execute(
        "INSERT INTO streams (partner, name, covered_from, watermark, completed_at) "
        "VALUES ('truepill', %s, to_timestamp(%s), to_timestamp(%s), clock_timestamp() - %s::interval)",
        (name, since, until, ago),
    )


def asked_about(conn: Connection, stream: str, at: int, trouble: str | None = None) -> None:
    """A round over requests has ended, and every entity was asked about at that second."""
    conn.execute(
        "INSERT INTO streams (partner, name, completed_at) VALUES ('truepill', %s, clock_timestamp())",
        (stream,),
    )
    conn.execute(
        "INSERT INTO lookups (entity_id, looked_at, next_at, state, fruitless, trouble) "
        "SELECT id, to_timestamp(%s), now(), state, 0, %s FROM entities",
        (at, trouble),
    )


def test_copies_of_one_callback_are_one_whichever_way_each_came(ledger: Ledger) -> None:
    ledger.apply(order(1), in_other_words(order(1)))
    ledger.apply(order(1), via="pull")
    ledger.apply(order(2), via="pull")
    ledger.apply(order(3))
    assert counts(ledger) == {"ORDER": (2, 1, 1, 0, 0)}


def test_a_callback_that_states_two_facts_is_one(ledger: Ledger) -> None:
    moved = arrival(1, details__transfer_prescription_token="rx_2")
    ledger.apply(moved)
    ledger.apply(moved, via="pull")
    assert ledger.count("facts") == 2
    assert counts(ledger) == {"NOTIFY_RX": (1, 0, 1, 0, 0)}


def test_a_push_that_comes_after_its_pull_was_not_lost(ledger: Ledger) -> None:
    ledger.apply(order(1), via="pull")
    assert counts(ledger) == {"ORDER": (0, 1, 0, 0, 0)}
    ledger.apply(order(1))
    assert counts(ledger) == {"ORDER": (1, 0, 1, 0, 0)}


def test_days_are_those_of_what_occurred_in_utc(ledger: Ledger) -> None:
    midnight = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    for number, at in enumerate((midnight - 1, midnight)):
        ledger.apply(dict(OrderSuccess(request_id=f"fill_{number}", timestamp=at)))
    assert counts(ledger) == {"ORDER": (1, 0, 0, 0, 0)}
    assert counts(ledger, DAY - timedelta(days=1)) == {"ORDER": (1, 0, 0, 0, 0)}


def test_records_and_what_is_derived_are_no_callbacks(ledger: Ledger) -> None:
    ledger.apply(enveloped("fill_request", FillRecord(), at=AT, of="fill_1"), via="snapshot")
    ledger.conn.execute(
        "INSERT INTO facts SELECT entity_id, gen_random_uuid(), occurred_at, 'pa:approved', code, "
        "discriminator, lines, detail, '{derived}', events, preferred, 'derived', received_at FROM facts"
    )
    assert ledger.count("facts") == 2
    assert counts(ledger) == {}
    assert [(one.kind, one.number) for one in loss.records(ledger.conn, WHOLE)] == [("fill_request", 1)]


def test_how_late_each_way_was_is_told_by_its_first_copy(ledger: Ledger, clock: Any) -> None:
    """The pull comes first, and the push an hour after it."""
    start = clock.now
    clock.now = datetime.fromtimestamp(AT + 125, UTC)
    ledger.apply(order(1), via="pull")
    clock.advance(hours=1)
    ledger.apply(order(1))
    clock.advance(hours=1)
    ledger.apply(in_other_words(order(1)))
    clock.now = start
    found = {row.way: (row.seconds, row.number, row.most) for row in loss.delays(ledger.conn, WHOLE)}
    assert found == {"pull": (120, 1, 125), "push": (3700, 1, 3725)}


def test_what_came_before_times_were_kept_has_no_delay_that_is_told(ledger: Ledger) -> None:
    ledger.apply(order(1))
    ledger.conn.execute("UPDATE facts SET pushed_at = NULL")
    ledger.apply(in_other_words(order(1)))
    assert loss.delays(ledger.conn, WHOLE) == []
    ledger.apply(order(1), via="pull")
    assert [row.way for row in loss.delays(ledger.conn, WHOLE)] == ["pull"]
    assert counts(ledger) == {"ORDER": (1, 0, 1, 0, 0)}


def test_the_partners_last_word_on_each_push_is_told(ledger: Ledger) -> None:
    for number in range(1, 5):
        ledger.apply(order(number), via="pull")
    ledger.apply(order(3))
    ledger.apply(order(4))

    def says(number: int, status: str | None, code: int | None = None) -> None:
        name = ledger.arrival(order(number), via="pull").id
        note_deliveries(ledger.conn, [DeliveryRow(name, status, code)])

    says(1, "pending")
    says(1, "success", 200)  # it believes that we had it
    says(3, "error", 503)  # and that we had not
    says(4, "pending")
    says(4, "success", 200)
    assert {row[2:6] for row in loss.deliveries(ledger.conn, WHOLE)} == {
        (False, None, None, 1),
        (False, "success", 200, 1),
        (True, "error", 503, 1),
    }
    (word, *_) = [row for row in loss.deliveries(ledger.conn, WHOLE) if row.pushed]
    assert word == DeliveryCount("order", DAY, True, "error", 503, 1)
    ids = [(one.key, one.status, one.status_code) for one in loss.lost(ledger.conn, WHOLE)]
    assert ids == [("fill_1", "success", 200), ("fill_2", None, None)]


def test_without_a_stream_that_could_bring_it_nothing_is_unconfirmed(ledger: Ledger) -> None:
    ledger.apply(order(), arrival(), dict(TransferContact(timestamp=AT)))
    assert {name: found[3:] for name, found in counts(ledger).items()} == {
        "NOTIFY_RX": (0, 0),
        "ORDER": (0, 0),
        "TRANSFER_CONTACT": (0, 0),
    }


@pytest.mark.parametrize(
    ("since", "until", "flagged"),
    [(AT - 1, AT + 1, 1), (AT, AT + 1, 1), (AT - 1, AT, 0), (AT + 1, AT + 9, 0)],
    ids=["between", "at its beginning", "not passed yet", "before what was read"],
)
def test_a_push_that_the_stream_has_passed_without_it_is_flagged(
    ledger: Ledger, since: int, until: int, flagged: int
) -> None:
    ledger.apply(arrival())
    read_by_time(ledger.conn, "notify_rx", since, until)
    assert counts(ledger) == {"NOTIFY_RX": (1, 0, 0, 1, flagged)}


def test_what_is_pulled_later_is_flagged_no_more(ledger: Ledger) -> None:
    ledger.apply(arrival())
    read_by_time(ledger.conn, "notify_rx", AT - 1, AT + 1)
    ledger.apply(arrival(), via="pull")
    assert counts(ledger) == {"NOTIFY_RX": (1, 0, 1, 0, 0)}


@pytest.mark.parametrize(("after", "flagged"), [(GRACE + 1, 1), (GRACE, 0), (-1, 0)])
def test_a_push_is_flagged_when_its_request_was_asked_about_some_time_after_it(
    ledger: Ledger, after: int, flagged: int
) -> None:
    ledger.apply(order())
    asked_about(ledger.conn, "fill_request", AT + after)
    assert counts(ledger) == {"ORDER": (1, 0, 0, 1, flagged)}


def test_an_answer_that_was_refused_flags_nothing(ledger: Ledger) -> None:
    ledger.apply(order())
    asked_about(ledger.conn, "fill_request", AT + 2 * GRACE, trouble="404")
    assert counts(ledger) == {"ORDER": (1, 0, 0, 1, 0)}


def test_events_of_all_types_confirm_by_time_only_what_names_itself(ledger: Ledger) -> None:
    ledger.apply(dict(CopaySuccess(timestamp=AT)), arrival())
    read_by_time(ledger.conn, "events", AT - 1, AT + 1)
    assert {name: found[3:] for name, found in counts(ledger).items()} == {
        "COPAY": (0, 0),
        "NOTIFY_RX": (1, 1),
    }
    asked_about(ledger.conn, "requests", AT + 2 * GRACE)
    assert counts(ledger)["COPAY"] == (1, 0, 0, 1, 1)


def test_a_consult_is_judged_by_time_alone_since_its_callbacks_have_no_request_id(ledger: Ledger) -> None:
    """An answer to a question by request_id that lacks them may not have looked for them."""
    ledger.apply(dict(Consult(timestamp=AT)))
    asked_about(ledger.conn, "requests", AT + 2 * GRACE)
    assert counts(ledger) == {"CONSULT": (1, 0, 0, 0, 0)}
    read_by_time(ledger.conn, "events", AT - 1, AT)
    assert counts(ledger) == {"CONSULT": (1, 0, 0, 1, 0)}
    ledger.conn.execute("UPDATE streams SET watermark = to_timestamp(%s) WHERE name = 'events'", (AT + 1,))
    assert counts(ledger) == {"CONSULT": (1, 0, 0, 1, 1)}


def test_nothing_is_flagged_by_what_may_wait_in_the_queue(ledger: Ledger) -> None:
    """The pass has ended and its copies are not applied yet."""
    ledger.apply(arrival(), order())
    ledger.admit(arrival(2), via="pull")
    ledger.conn.execute("UPDATE queue SET received_at = clock_timestamp() - interval '2 minutes'")
    read_by_time(ledger.conn, "notify_rx", AT - 1, AT + 1)
    looked_at = int(datetime.now(UTC).timestamp()) - 60
    asked_about(ledger.conn, "fill_request", looked_at)
    assert {name: found[4] for name, found in counts(ledger).items()} == {"NOTIFY_RX": 0, "ORDER": 0}
    assert recount(ledger.conn, GRACE, TYPES, seconds=60) == []
    ledger.settle()
    found = counts(ledger)
    assert (found["NOTIFY_RX"][4], found["ORDER"][4]) == (1, 1)


def test_flagged_facts_are_listed_and_marked_on_their_entity(ledger: Ledger) -> None:
    ledger.apply(order(1), dict(Shipment(request_id="fill_1", timestamp=AT + 60)))
    ledger.apply(order(1), via="pull")
    asked_about(ledger.conn, "fill_request", AT + 2 * GRACE)
    by = confirming(ledger.conn, GRACE, TYPES)
    (one,) = unconfirmed.flagged(ledger.conn, WHOLE, by)
    assert (TYPES.named(one.family), one.kind, one.key) == (
        ("truepill", "SHIPMENT"),
        "fill_request",
        "fill_1",
    )
    assert one.occurred_at == datetime.fromtimestamp(AT + 60, UTC)
    (entity_id,) = ledger.conn.execute("SELECT id FROM entities").fetchone() or (0,)
    assert list(unconfirmed.of_entity(ledger.conn, entity_id, by).values()) == [True]


def test_a_replay_keeps_what_came_how_and_when(ledger: Ledger) -> None:
    from workers.apply.replay import replay

    ledger.apply(order(1))
    ledger.apply(order(1), via="pull")
    before = ledger.conn.execute("SELECT via, pushed_at, pulled_at, received_at FROM facts").fetchall()
    replay(ledger.conn, [1], ledger.tools, dry_run=False)
    assert (
        ledger.conn.execute("SELECT via, pushed_at, pulled_at, received_at FROM facts").fetchall() == before
    )


@pytest.mark.parametrize(("gone", "left"), [("push", "pull"), ("pull", "push")])
def test_a_copy_that_is_read_as_something_else_no_longer_says_how_the_fact_came(
    ledger: Ledger, clock: Any, gone: str, left: str
) -> None:
    """The body of the other copy is no longer kept, so that one stands as it was read."""
    from workers.apply.replay import replay

    for via in ("push", "pull"):
        clock.advance(minutes=1)
        ledger.apply(order(1), via=via)
    name = ledger.arrival(order(1), via=gone).id
    later = orjson.dumps({**order(1), "timestamp": AT + 60})
    ledger.conn.execute("DELETE FROM bodies WHERE via = %s", (left,))
    ledger.conn.execute("UPDATE bodies SET sealed = %s", (ledger.tools.sealer.seal(later, name),))
    seqs = [seq for (seq,) in ledger.conn.execute("SELECT seq FROM events").fetchall()]
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    facts = ledger.conn.execute(
        "SELECT via, pushed_at IS NULL, pulled_at IS NULL FROM facts ORDER BY occurred_at"
    ).fetchall()
    assert facts == [([left], left == "pull", left == "push"), ([gone], gone == "pull", gone == "push")]
    assert counts(ledger) == {"ORDER": (1, 1, 0, 0, 0)}
    ((pulled_at,),) = ledger.conn.execute("SELECT pulled_at FROM facts WHERE via = '{pull}'").fetchall()
    assert [one.pulled_at for one in loss.lost(ledger.conn, WHOLE)] == [pulled_at]


def test_the_days_are_kept_as_they_were_counted_and_counted_again(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    at = int(now.timestamp()) - 5 * 86_400
    body = dict(OrderSuccess(request_id="fill_1", timestamp=at))
    ledger = Ledger(ledger.conn, ledger.tools._replace(clock=lambda: now))
    ledger.apply(body, via="pull")

    assert len(recount(ledger.conn, GRACE, TYPES, seconds=60)) == loss_days.DAYS
    (row,) = loss_days.totals(ledger.conn, loss_days.DAYS)
    assert row[:4] == ("truepill", "ORDER", 0, 1)
    counted_at = loss_days.last_counted(ledger.conn)
    assert counted_at is not None
    kept = dict(ledger.conn.execute("SELECT coalesce(labels->>'came', name), value FROM gauges").fetchall())
    assert (kept["pushed"], kept["pulled_only"]) == (0, 1)
    assert kept[gauges.LOSS_COUNTED] == pytest.approx(counted_at.timestamp())

    ledger.apply(body)
    assert (
        len(recount(ledger.conn, GRACE, TYPES, seconds=60)) == 3
    )  # an older day has its turn when it is stale
    assert loss_days.totals(ledger.conn, loss_days.DAYS) == [row]
    ledger.conn.execute("UPDATE losses_counted SET counted_at = counted_at - interval '7 hours'")
    assert len(recount(ledger.conn, GRACE, TYPES, seconds=60)) == loss_days.DAYS
    (row,) = loss_days.totals(ledger.conn, loss_days.DAYS)
    assert (row.pushed, row.pulled_only, row.both_ways) == (1, 0, 1)


def test_counting_ends_when_its_time_is_over_and_goes_on_with_the_stalest(ledger: Ledger) -> None:
    ticks = iter(range(1000))
    counted = [
        recount(ledger.conn, GRACE, TYPES, seconds=5, timer=lambda: float(next(ticks))) for _ in range(9)
    ]
    assert {len(days) for days in counted[:2]} == {6}
    assert len({day for days in counted for day in days}) == loss_days.DAYS


def test_slow_counting_leaves_no_day_uncounted_for_ever(ledger: Ledger) -> None:
    """There is time for one day at a time, and by then the last days are to be counted again."""
    counted = [recount(ledger.conn, GRACE, TYPES, seconds=-1) for _ in range(loss_days.DAYS)]
    assert counted[0] == [max(day for days in counted for day in days)]
    assert sorted(day for days in counted for day in days) == sorted(
        loss_days.count_times(ledger.conn, loss_days.DAYS)
    )
    ledger.conn.execute("UPDATE losses_counted SET counted_at = counted_at - interval '7 hours'")
    again = [recount(ledger.conn, GRACE, TYPES, seconds=-1) for _ in range(loss_days.DAYS)]
    assert again == counted


def test_two_that_count_at_once_keep_the_figures_of_one(ledger: Ledger, database: Database) -> None:
    def figures() -> list[tuple[str, float]]:
        rows = ledger.conn.execute("SELECT labels->>'came', value FROM gauges").fetchall()
        return [(came, value) for came, value in rows]

    names = (gauges.LOSS_CALLBACKS,)
    first, second = (
        [Gauge(gauges.LOSS_CALLBACKS, {"type": "ORDER", "came": came}, number)]
        for came, number in (("pushed", 1.0), ("flagged", 2.0))
    )
    with ThreadPoolExecutor() as threads, connect(database) as other:
        with ledger.conn.transaction():
            gauges.replace(ledger.conn, names, [*first, *second])

            def keep() -> None:
                with other.transaction():
                    gauges.replace(other, names, second)

            keeping = threads.submit(keep)
            while not somebody_waits(ledger.conn):
                assert not keeping.done()
        keeping.result()
    assert figures() == [("flagged", 2.0)]


class Passes:
    """Passes over a stream, each from a second to another."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn

    def read(self, since: int, newest: int) -> tuple[datetime | None, datetime | None]:
        leased = leases.lease(self.conn, "truepill", "notify_rx", "a test")
        assert leased is not None
        first = datetime.fromtimestamp(since, UTC)
        leased = cursors.begin_pass(self.conn, leased, first)
        leased = cursors.advance_page(self.conn, leased, None, Progress(1, 0, newest, True), 1)
        leases.release(self.conn, cursors.finish_pass(self.conn, leased, 0, first))
        row = self.conn.execute("SELECT covered_from, watermark FROM streams").fetchone()
        assert row is not None
        return row[0], row[1]


def test_a_stream_tells_how_far_back_it_was_read_without_a_gap(ledger: Ledger) -> None:
    passes = Passes(ledger.conn)

    def moments(since: int, until: int) -> tuple[datetime, datetime]:
        return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)

    assert passes.read(AT, AT + 100) == moments(AT, AT + 100)
    assert passes.read(AT + 100, AT + 200) == moments(AT, AT + 200)
    assert passes.read(AT - 500, AT + 300) == moments(AT - 500, AT + 300)
    assert passes.read(AT + 900, AT + 999) == moments(AT - 500, AT + 300)  # what lies between is not known
