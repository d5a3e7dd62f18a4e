"""Pulling a stream: nothing is missed and nothing stored twice, wherever a run ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import orjson
import psycopg
import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.faults import Silent
from partners.truepill.client import Client
from partners.truepill.pages import Page, page_of
from partners.wire import HttpClient, OpenGate, Wire
from settings import Database
from store.db.connections import connect
from store.pulls import cursors, leases
from store.pulls.cursors import Progress
from tests.support.backends import empty
from tests.support.ledger import Ledger
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.pulls import Book, Broken, Faults, FaultyConnection, arrivals, asked_since
from workers.apply.model import Tools
from workers.pull.page_buffer import StoringThread
from workers.pull.rate_gate import NotNow
from workers.pull.run import Report, Run
from workers.pull.stream import RESTARTS, Pages, pull_stream

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
START = int((NOW - timedelta(days=1)).timestamp())
OVERLAP = 300
NAME = "notify_rx"


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def book() -> Book:
    return Book(arrivals(10, START))


@pytest.fixture
def server(book: Book) -> Iterator[Partner]:
    with partner(book) as running:
        yield running


@pytest.fixture
def pages(server: Partner) -> Iterator[Pages]:
    with Client(Wire(HttpClient(server.url, "key", timeout=0.5), OpenGate())) as client:

        def read(*, since: int | None, next: str | None) -> Page:
            return client.events("NOTIFY_RX", since=since, next=next)

        yield read


@pytest.fixture
def pull(ledger: Ledger, pages: Pages) -> Callable[..., Report]:
    def run(since: datetime | None = None, of: Pages = pages, **options: Any) -> Report:
        return pull_stream(work(ledger.conn, ledger.tools, **options), NAME, of, since)

    return run


def work(conn: Connection, tools: Tools, **options: Any) -> Run:
    return Run(conn, tools, "a test", OVERLAP, **options)


def row(conn: Connection) -> dict[str, Any]:
    cursor = conn.execute("SELECT * FROM streams")
    (found,) = cursor.fetchall()
    names = [column.name for column in cursor.description or ()]
    return dict(zip(names, found, strict=True))


def expire(conn: Connection) -> None:
    """Whoever had the lease is gone for long."""
    conn.execute("UPDATE streams SET leased_until = clock_timestamp() - interval '1 s'")


def received(ledger: Ledger) -> set[str]:
    ledger.settle()
    return {key for (key,) in ledger.conn.execute("SELECT key FROM entities WHERE kind = 'prescription'")}


def tokens(book: Book) -> set[str]:
    return {event["details"]["prescription_token"] for event in book.events}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_stream_is_read_to_its_last_page_and_its_watermark_stands_before_the_newest(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    hinted: list[int] = []
    report = pull(hint=hinted.extend)
    assert (report.pages, report.events, report.stored, report.finished) == (5, 10, 10, True)
    assert sorted(hinted) == ledger.queued()
    found = row(ledger.conn)
    assert found["watermark"] == at(book.events[-1]["timestamp"] - OVERLAP)
    assert (found["holder"], found["trouble"]) == (None, None)
    assert received(ledger) == tokens(book)


def test_the_next_pass_reads_the_overlap_again_and_stores_only_what_is_new(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    pull()
    late = dict(arrivals(12, START, step=60)[11], timestamp=START + 5 * 60)
    book.events = sorted([*book.events, late], key=lambda event: int(event["timestamp"]))
    server.asked.clear()
    report = pull()
    assert report.stored == 1
    assert server.asked[0].query == {"timestamp": [f"$gt:{START + 9 * 60 - OVERLAP - 1}"]}
    assert received(ledger) == tokens(book)
    assert ledger.count("events") == 11


def test_the_first_pass_reaches_back_further_than_a_month(
    pull: Callable[..., Report], server: Partner
) -> None:
    pull()
    assert asked_since(server.asked[0]) < int((NOW - timedelta(days=30)).timestamp())


@pytest.mark.parametrize("refused", ["$gt", "$gte"])
def test_a_partner_that_takes_one_operator_alone_is_read_to_its_end(
    ledger: Ledger, pull: Callable[..., Report], book: Book, refused: str
) -> None:
    book.refuses = {refused}
    report = pull()
    assert (report.stored, report.finished, report.trouble) == (10, True, None)
    assert received(ledger) == tokens(book)


def test_a_partner_that_takes_no_operator_is_trouble_and_no_empty_stream(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    book.refuses = {"$gt", "$gte"}
    report = pull()
    assert (report.pages, report.finished) == (0, False)
    found = row(ledger.conn)
    assert "neither $gt nor $gte of timestamp" in found["trouble"]
    assert (found["completed_at"], found["watermark"]) == (None, None)


def test_a_partner_that_compares_milliseconds_is_still_read_on_by_time(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    """Beyond a second it gives what is dated within that second, which comes again and is recognised."""
    book.events = arrivals(9, START * 1000 + 500, step=1000)
    asked_of = server.answer

    def fractional(asked: Asked) -> Answer:
        bounds = (
            {"timestamp": [f"$gte:{asked_since(asked) * 1000 - 999}"]} if "next" not in asked.query else {}
        )
        return asked_of(replace(asked, query={**asked.query, **bounds}))

    server.answer = fractional
    report = pull()
    assert (report.stored, report.finished) == (9, True)
    assert received(ledger) == tokens(book)
    assert row(ledger.conn)["watermark"] == at(START + 8 - OVERLAP)
    # By time alone: the page's token was never needed.
    assert not any("next" in asked.query for asked in server.asked)


@pytest.fixture(params=["each page by itself", "pages together", "pages together, by a thread"])
def storing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How pages are stored: by themselves as those of a slow partner, or a few of a quick one together."""
    monkeypatch.setattr("workers.pull.stream.QUICK_SECONDS", 0.0 if "itself" in request.param else 60.0)
    monkeypatch.setattr("workers.pull.page_buffer.TOGETHER_EVENTS", 5)
    return str(request.param)


@contextmanager
def a_storing_thread(database: Database, faults: Faults) -> Iterator[Callable[[], StoringThread]]:
    """Where pages are stored while others are fetched, by a connection that breaks as the run's own does."""
    conn = FaultyConnection.to(database, faults)
    thread = StoringThread(conn)
    try:
        yield lambda: thread
    finally:
        thread.close()


def test_a_crash_at_any_boundary_loses_nothing_and_stores_nothing_twice(
    database: Database, ledger: Ledger, pages: Pages, book: Book, storing: str
) -> None:
    """Before and after each statement, each COMMIT and each call: a run breaks there, another goes on."""
    broken: list[str] = []
    for point in range(1, 1000):
        empty(ledger.conn, "streams", "events", "bodies", "queue", "deliveries")
        faults = Faults(point)
        with (
            FaultyConnection.to(database, faults) as conn,
            a_storing_thread(database, faults) as thread,
        ):
            options = {"storing_thread": thread} if "thread" in storing else {}

            def calling(*, since: int | None, next: str | None, faults: Faults = faults) -> Page:
                if faults.boundary("before a call"):
                    raise Broken("before a call")
                page = pages(since=since, next=next)
                if faults.boundary("after a call"):
                    raise Broken("after a call")
                return page

            try:
                report = pull_stream(work(conn, ledger.tools, **options), NAME, calling)
            except Broken as error:
                broken.append(str(error))
                report = None
        if report is not None and len(faults.passed) < point:
            break
        before = row(ledger.conn) if ledger.count("streams") else None
        if before is not None and before["watermark"] is not None:
            assert ledger.count("events") == 10, "the watermark passed what was not stored"
        expire(ledger.conn)
        again = pull_stream(work(ledger.conn, ledger.tools), NAME, pages)
        assert again.finished, point
        assert ledger.count("events") == ledger.count("bodies") == ledger.count("queue") == 10, point
        assert ledger.count("deliveries") == 10, point
        # What was counted is what was committed: no page is counted without its events.
        assert row(ledger.conn)["stored"] == 10, point
    else:
        pytest.fail("the run did not end")
    commits = 5 if "itself" in storing else 2
    assert len(broken) > 6 * commits
    for name, times in (("a call", 5), ("COMMIT", commits)):
        # In which order two threads come to their boundaries is not the same in every run.
        if "thread" not in storing:
            assert (broken.count(f"before {name}"), broken.count(f"after {name}")) == (times, times)
    assert received(ledger) == tokens(book)


def test_a_page_of_a_slow_partner_is_stored_before_the_next_one_is_asked_for(
    ledger: Ledger, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pull.stream.QUICK_SECONDS", 0.0)
    stored = []

    def watched(*, since: int | None, next: str | None) -> Page:
        stored.append(ledger.count("events"))
        return pages(since=since, next=next)

    assert pull_stream(work(ledger.conn, ledger.tools), NAME, watched).finished
    assert stored == [0, 3, 5, 7, 9]


@pytest.mark.parametrize("end", [NotNow(60, "budget"), Silent("a stream", "no answer"), "over"])
def test_what_was_read_quickly_is_stored_when_the_partner_gives_no_more(
    database: Database, ledger: Ledger, pages: Pages, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    monkeypatch.setattr("workers.pull.stream.QUICK_SECONDS", 60.0)
    asked = 0

    def stopping(*, since: int | None, next: str | None) -> Page:
        nonlocal asked
        asked += 1
        if asked == 4 and end != "over":
            raise end
        return pages(since=since, next=next)

    with a_storing_thread(database, Faults(0)) as thread:
        options: dict[str, Any] = {"over": lambda: end == "over" and asked == 3, "storing_thread": thread}
        run = work(ledger.conn, ledger.tools, **options)
        report = pull_stream(run, NAME, stopping)
    assert (report.finished, report.pages, report.stored) == (False, 3, 7)
    assert ledger.count("events") == row(ledger.conn)["stored"] == 7
    assert row(ledger.conn)["pages"] == 3


def test_a_lease_that_is_lost_while_pages_are_held_stores_none_of_them(
    database: Database, ledger: Ledger, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pull.stream.QUICK_SECONDS", 60.0)
    calls = 0

    def losing(*, since: int | None, next: str | None) -> Page:
        nonlocal calls
        calls += 1
        if calls == 3:
            ledger.conn.execute("UPDATE streams SET epoch = epoch + 1")
        return pages(since=since, next=next)

    report = pull_stream(work(ledger.conn, ledger.tools), NAME, losing)
    assert (report.busy, report.pages, ledger.count("events")) == (True, 0, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(START, START + 9)), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stream_is_reckoned_in_memory_as_it_is_in_the_row(
    ledger: Ledger, found: list[tuple[int, int | None, bool]]
) -> None:
    empty(ledger.conn, "streams")
    stream = leases.lease(ledger.conn, "truepill", NAME, "a test")
    assert stream is not None
    stream = cursors.begin_pass(ledger.conn, stream, at(START))
    pages = [Progress(events, 0, newest, ordered) for events, newest, ordered in found]
    for number, page in enumerate(pages):
        stream = cursors.advanced(stream, b"%d" % number, page)
    stored = cursors.advance_pages(ledger.conn, stream, pages, 1)
    assert stored == stream


@pytest.mark.parametrize("again", [False, True])
def test_a_page_takes_as_many_statements_however_much_it_holds(
    database: Database, ledger: Ledger, pages: Pages, book: Book, again: bool
) -> None:
    counts = set()
    for size in (1, 10, 100):
        empty(ledger.conn, "streams", "events", "bodies", "queue", "deliveries")
        book.size, book.events = size, arrivals(size, START, step=1)
        if again:
            pull_stream(work(ledger.conn, ledger.tools), NAME, pages)
        with FaultyConnection.to(database, Faults(0)) as conn:
            report = pull_stream(work(conn, ledger.tools), NAME, pages)
            assert (report.events, report.stored) == (size, 0 if again else size)
            counts.add(len(conn.faults.passed))
    assert len(counts) == 1


def test_a_runner_whose_lease_passed_to_another_writes_nothing(
    database: Database, ledger: Ledger, pages: Pages, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pull.stream.QUICK_SECONDS", 0.0)
    calls = 0

    def slow(*, since: int | None, next: str | None) -> Page:
        nonlocal calls
        page = pages(since=since, next=next)
        calls += 1
        if calls == 2:
            expire(ledger.conn)
            with connect(database, "other") as other:
                assert pull_stream(work(other, ledger.tools), NAME, pages).finished
        return page

    report = pull_stream(work(ledger.conn, ledger.tools), NAME, slow)
    assert (report.busy, report.finished, report.pages) == (True, False, 1)
    found = row(ledger.conn)
    assert (found["epoch"], found["seen"], found["stored"]) == (2, 11, 10)  # a border was read by both
    assert found["watermark"] == at(book.events[-1]["timestamp"] - OVERLAP)


def test_of_two_runners_at_once_one_finds_the_other_busy(
    database: Database, ledger: Ledger, pages: Pages
) -> None:
    others: list[Report] = []

    def shared(*, since: int | None, next: str | None) -> Page:
        with connect(database, "other") as other:
            others.append(pull_stream(work(other, ledger.tools), NAME, pages))
        return pages(since=since, next=next)

    assert pull_stream(work(ledger.conn, ledger.tools), NAME, shared).stored == 10
    assert {(report.busy, report.pages) for report in others} == {(True, 0)}
    assert ledger.count("events") == 10


def test_no_transaction_is_open_while_the_partner_is_called(ledger: Ledger, pages: Pages) -> None:
    states: set[int] = set()

    def watched(*, since: int | None, next: str | None) -> Page:
        states.add(ledger.conn.info.transaction_status)
        return pages(since=since, next=next)

    pull_stream(work(ledger.conn, ledger.tools), NAME, watched)
    assert states == {psycopg.pq.TransactionStatus.IDLE}


def test_a_run_that_is_over_goes_on_by_its_token_where_it_was(
    pull: Callable[..., Report], server: Partner, book: Book
) -> None:
    """Within one second there is nothing else to go on by."""
    book.events = arrivals(10, START, step=0)
    over = iter([False, False, True])
    assert not pull(over=lambda: next(over)).finished
    server.asked.clear()
    report = pull()
    assert (report.finished, report.events) == (True, 7)
    assert "next" in server.asked[0].query


def test_a_token_that_has_run_out_is_no_end(ledger: Ledger, pull: Callable[..., Report], book: Book) -> None:
    """It goes on by time, and every time further, until there is no more."""
    book.good_for = 1
    book.events = [event for n in range(8) for event in arrivals(5, START + n, step=0)]
    for number, event in enumerate(book.events):
        event["details"] = {**event["details"], "prescription_token": f"rx{number:05}"}

    def refreshed() -> bool:
        book.good_for = 3
        return False

    assert pull(over=refreshed).finished
    book.good_for = 1
    assert received(ledger) == tokens(book)


def test_a_stream_whose_tokens_are_never_accepted_is_read_by_time(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    """The overlap holds more than a page, so that with it no page would lead further."""
    book.good_for = 0
    assert pull().finished
    assert received(ledger) == tokens(book)


def test_where_neither_tokens_nor_times_lead_further_the_run_ends_and_it_is_told(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    book.events = arrivals(10, START, step=0)
    book.good_for = 0
    report = pull()
    assert report.trouble == "webhook_events/notify_rx: 400, the partner does not give it"
    assert len(server.asked) <= 4 * (RESTARTS + 1)
    found = row(ledger.conn)
    assert found["trouble"] == report.trouble
    assert found["watermark"] is None
    # As soon as it is better, it goes on, and the trouble is over.
    book.good_for = None
    assert pull().finished
    assert row(ledger.conn)["trouble"] is None
    assert received(ledger) == tokens(book)


@pytest.mark.parametrize("empty", [False, True])
def test_pages_without_an_end_are_noticed_over_many_short_runs(
    ledger: Ledger,
    pull: Callable[..., Report],
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
    empty: bool,
) -> None:
    """Each page has a token that nobody saw before, and each run ends after three pages."""
    monkeypatch.setattr("workers.pull.stream.IDLE_PAGES", 20)
    next_number, shown = partial(next, iter(range(1000))), [] if empty else book.events[:3]

    def page(*, since: int | None, next: str | None) -> Page:
        found = page_of(json.loads(events_page(*shown, next=f"t{next_number()}").body))
        assert found is not None
        return found

    troubles: list[str | None] = []
    while not any(troubles) and len(troubles) < 12:
        over = iter([False, False, False, True])
        troubles.append(pull(of=page, over=partial(next, over)).trouble)
    assert troubles == [*[None] * 6, "its pages do not come to an end"]
    assert row(ledger.conn)["trouble"] == troubles[-1]
    # What was shown is stored, and as soon as there is an end it is found.
    assert pull().finished
    assert received(ledger) == tokens(book)


def test_a_time_that_is_still_to_come_is_nothing_to_go_on_from(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    """Events stand in the order in which they were told, one of them is dated a day ahead, and then the
    page's token has run out.
    """
    book.events[2] = dict(arrivals(1, START + 2 * 86_400)[0])
    book.events[2]["details"]["prescription_token"] = "ahead"
    book.good_for = 0
    assert pull().finished
    assert ledger.count("events") == 10


def test_pages_that_come_in_descending_order_are_noticed_from_run_to_run(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    book.size = 1
    book.events.reverse()
    for _ in range(3):
        over = iter([False, True])
        assert not pull(over=partial(next, over)).finished
    book.good_for = 0  # the token has run out; by time, all of it must be read

    def refreshed() -> bool:
        if book.good_for == -1:
            book.good_for = None
        return False

    assert pull(over=refreshed).finished
    assert received(ledger) == tokens(book)


def test_pages_in_a_circle_come_to_an_end(ledger: Ledger, pull: Callable[..., Report], book: Book) -> None:
    first = book.events[:3]
    circle = {"": "a", "a": "b", "b": "a"}

    def circling(asked: Asked) -> Answer:
        return events_page(*first, next=circle[asked.query.get("next", [""])[0]])

    with partner(circling) as other, Client(Wire(HttpClient(other.url, "key"), OpenGate())) as client:
        report = pull(of=lambda *, since, next: client.events("NOTIFY_RX", since=since, next=next))
        assert len(other.asked) < 30
    assert report.trouble == "its pages do not come to an end"
    assert row(ledger.conn)["watermark"] is None
    assert ledger.count("events") == 3


def test_pages_that_shift_while_they_are_read_lose_nothing(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    """What comes meanwhile moves all behind it; the overlap of the next pass finds what fell between."""
    added = iter(arrivals(13, START - 30)[10:])

    def shifting() -> bool:
        if (event := next(added, None)) is not None:
            book.events = sorted([event, *book.events], key=lambda known: int(known["timestamp"]))
        return False

    assert pull(over=shifting).finished
    assert pull().finished
    assert received(ledger) == tokens(book)
    assert len(tokens(book)) == 13


def test_what_slips_over_the_border_of_two_pages_is_had(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    """The partner's tokens stand for places, which move: each next page begins one event too late."""

    def slipping(asked: Asked) -> Answer:
        page = book(asked)
        document = orjson.loads(page.body)
        if token := document["next_page_token"]:
            since, start = token.split("-")
            document["next_page_token"] = f"{since}-{int(start) + 1}"
        return Answer(body=orjson.dumps(document))

    server.answer = slipping
    assert pull().finished
    assert received(ledger) == tokens(book)


def test_a_partner_that_does_not_keep_to_times_is_read_by_its_tokens(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    def heedless(asked: Asked) -> Answer:
        return book(Asked(asked.path, {k: v for k, v in asked.query.items() if k == "next"}, {}))

    server.answer = heedless
    assert pull().finished
    assert received(ledger) == tokens(book)
    assert len(server.asked) == 5  # the first page twice


def test_an_event_from_the_future_does_not_carry_the_watermark_past_others(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    book.events.append(dict(arrivals(11, START)[10], timestamp=START + 10**9))
    assert pull().finished
    assert row(ledger.conn)["watermark"] <= datetime.now(UTC)


def test_a_pass_without_an_event_moves_nothing(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    """The partner's clock may be behind ours: what it will date then is still to be read."""
    known, book.events = book.events, []
    assert pull().finished
    first = row(ledger.conn)["watermark"]
    assert first is None or first < at(START)
    book.events = known
    assert pull().stored == 10


def test_reading_first_of_all_from_a_late_day_does_not_skip_what_lies_before(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    report = pull(since=at(START + 5 * 60))
    assert (report.finished, report.stored) == (True, 5)
    assert row(ledger.conn)["watermark"] is None
    assert pull().stored == 5
    assert row(ledger.conn)["watermark"] == at(book.events[-1]["timestamp"] - OVERLAP)


def test_reading_again_from_a_later_day_does_not_skip_what_lies_before(
    ledger: Ledger, pull: Callable[..., Report], book: Book
) -> None:
    pull()
    before = row(ledger.conn)["watermark"]
    assert pull(since=at(START + 10_000)).finished
    assert row(ledger.conn)["watermark"] == before
    assert pull(since=at(START)).events == 10
    assert row(ledger.conn)["watermark"] == before


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(401), "401, the API key is refused"),
        (Answer(403), "403, the API key is refused"),
        (Answer(404), "404, the partner does not give it"),
        (Answer(429, headers={"Retry-After": "3"}), "429, too many calls"),
        (Answer(500), "500, the partner failed"),
        (Answer(200, b"<html>Jane Canary</html>"), "the answer is HTML"),
        (Answer(200, b'{"results": [{"Jane Canary"'), "the answer is no whole JSON"),
        (
            Answer(302, headers={"Location": "https://canary.example"}),
            "302, a redirect, which is not followed",
        ),
        (Answer(stall=1.0), "no answer in time"),
    ],
)
def test_a_partner_that_fails_is_told_in_a_line_and_the_stream_goes_on_when_it_is_back(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner, answer: Answer, told: str
) -> None:
    server.answer = lambda _: answer
    report = pull()
    assert report.trouble == f"webhook_events/notify_rx: {told}"
    assert row(ledger.conn)["trouble"] == report.trouble
    assert len(server.asked) <= 2
    server.answer = book
    assert pull().finished
    assert row(ledger.conn)["trouble"] is None
    assert received(ledger) == tokens(book)


def test_what_is_no_event_is_kept_and_quarantined(
    ledger: Ledger, pull: Callable[..., Report], server: Partner
) -> None:
    server.answer = lambda _: events_page(
        *arrivals(1, START), {"callback_type": "SURPRISE", "timestamp": START}, 7
    )
    assert pull().stored == 3
    ledger.settle()
    assert sorted(ledger.reasons()) == ["missing_type", "unknown_type"]


def test_what_the_partner_says_of_its_push_is_kept_and_brought_up_to_date(
    ledger: Ledger, pull: Callable[..., Report], book: Book, server: Partner
) -> None:
    server.answer = lambda _: events_page(*book.events[:2], status_code=None)
    pull()
    said = "SELECT DISTINCT status, status_code FROM deliveries"
    assert ledger.conn.execute(said).fetchall() == [("error", None)]
    server.answer = lambda _: events_page(*book.events[:2], status_code=200)
    pull()
    assert ledger.conn.execute(said).fetchall() == [("success", 200)]
    assert ledger.count("deliveries") == ledger.count("events") == 2


def test_the_partners_page_token_stands_nowhere_in_the_clear(
    ledger: Ledger, pull: Callable[..., Report], server: Partner
) -> None:
    server.answer = lambda _: events_page(*arrivals(1, START), next="Jane Canary")
    over = iter([False, False, True])
    pull(over=lambda: next(over))
    (text,) = ledger.conn.execute("SELECT streams::text FROM streams").fetchone() or ("",)
    assert "Canary" not in text
    assert b"Canary".hex() not in text
    assert row(ledger.conn)["next_page"] is not None


def test_a_lease_that_was_released_can_be_taken_at_once(ledger: Ledger, pull: Callable[..., Report]) -> None:
    pull()
    pull()
    assert row(ledger.conn)["epoch"] == 2


def test_whoever_waits_for_its_turn_keeps_others_from_starting(
    ledger: Ledger, pull: Callable[..., Report], pages: Pages
) -> None:
    def full(*, since: int | None, next: str | None) -> Page:
        raise NotNow(60.0, "budget")

    assert pull(of=full).wait == 60.0
    assert pull().busy
    expire(ledger.conn)
    assert pull().finished


def test_an_open_circuit_keeps_nobody_from_trying_when_it_closes(
    ledger: Ledger, pull: Callable[..., Report]
) -> None:
    def closed(*, since: int | None, next: str | None) -> Page:
        raise NotNow(60.0, "circuit")

    report = pull(of=closed)
    assert (
        report.trouble
        == row(ledger.conn)["trouble"]
        == "the partner is left alone for a while, after failures"
    )
    assert pull().finished


class Behind:
    """A book whose partner's clock is so many days behind ours, as its answers say."""

    def __init__(self, book: Book, days: int) -> None:
        self.book = book
        self.now = NOW - timedelta(days=days)

    def __call__(self, asked: Asked) -> Answer:
        return replace(self.book(asked), headers={"Date": format_datetime(self.now, usegmt=True)})


@contextmanager
def pulling_from(
    ledger: Ledger, answer: Callable[[Asked], Answer]
) -> Iterator[tuple[Partner, Callable[..., Report]]]:
    with partner(answer) as server:
        wire = Wire(HttpClient(server.url, "key", timeout=5), OpenGate(), clock=ledger.tools.clock)
        with Client(wire) as client:

            def pages(*, since: int | None, next: str | None) -> Page:
                return client.events("NOTIFY_RX", since=since, next=next)

            def run(**options: Any) -> Report:
                skew = lambda: client.partner_clock.skew or 0.0  # noqa: E731
                return pull_stream(work(ledger.conn, ledger.tools, skew=skew, **options), NAME, pages)

            yield server, run


@pytest.mark.parametrize("days", [30, 40])
def test_a_first_pass_reaches_as_far_back_for_a_partner_whose_clock_is_behind(
    ledger: Ledger, days: int
) -> None:
    oldest = int((NOW - timedelta(days=days + 30)).timestamp())
    book = Book(arrivals(10, oldest, step=86_400 * 3))
    with pulling_from(ledger, Behind(book, days)) as (server, pull):
        report = pull()
    assert (report.stored, report.finished, report.trouble) == (10, True, None)
    assert received(ledger) == tokens(book)
    found = row(ledger.conn)
    assert found["watermark"] == at(book.events[-1]["timestamp"] - OVERLAP)
    # What was asked by our clock alone was thrown away, and asked once.
    assert len(server.asked) == 1 + report.pages


def test_a_partner_that_is_behind_and_dates_one_event_ahead_loses_none_of_those_between(
    ledger: Ledger,
) -> None:
    """Ahead by the partner's clock, though long past by ours."""
    start = int((NOW - timedelta(days=31)).timestamp())
    book = Book(arrivals(4, start))
    astray = dict(arrivals(9, start)[8], timestamp=start + 20 * 86_400)
    book.events.append(astray)
    behind = Behind(book, 30)
    with pulling_from(ledger, behind) as (_, pull):
        pull()
        book.events[4:4] = [dict(arrivals(6, start)[5], timestamp=start + 86_400 + 600)]
        behind.now += timedelta(hours=2)
        pull()
    assert received(ledger) == tokens(book)
