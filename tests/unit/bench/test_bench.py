"""The bench's own parts that decide what its figures mean."""

from __future__ import annotations

import hmac
from collections import Counter

import orjson
import pytest

from bench import backlog, book, mixed, pulled, report, traffic
from bench.accept import ONE_COMMIT, RECEIVER, REFERENCE, TUTORIAL_WAY, Cell
from bench.load import Load, complete, percentile
from partners.healnow.callbacks import read as read_payment
from partners.truepill.callbacks import read
from partners.truepill.pages import page_of


def no_hash(domain: str, value: str) -> bytes:
    return value.encode()


def test_every_body_is_distinct_and_readable() -> None:
    events = traffic.even(200, "seed")
    assert len({event.body for event in events}) == len(events) == 800
    assert Counter(Counter(event.key for event in events).values()) == {4: 200}
    for event in events:
        (stated,) = read(event.body, no_hash).stated
        assert (stated.key, stated.fact.occurred_at) == (event.key, event.at)


def test_mixed_traffic_holds_every_type_in_its_proportion() -> None:
    events = mixed.mixed(100, "seed")
    types = Counter(orjson.loads(event.body)["callback_type"] for event in events)
    known = {"ORDER": 400, "SHIPMENT": 800, "COPAY": 300, "NOTIFY_RX": 300}
    assert {name: types.pop(name) for name in known} == known
    assert types == {
        "TRANSFER": 20,
        "TRANSFER_CONTACT": 20,
        "DIRECT_TRANSFER": 20,
        "PRIOR_AUTH": 40,
        "COVERAGE": 20,
        "CONSULT": 40,
        "FILE": 20,
        "ORDER_CLAIM": 20,
    }
    assert len({event.body for event in events}) == len(events) == 2_000
    for event in events:
        reading = read(event.body, no_hash)
        assert [(stated.key, stated.fact.occurred_at) for stated in reading.stated] == [(event.key, event.at)]
        assert reading.unseen == ()


def test_a_tenth_of_the_paid_traffic_is_payments_that_are_named_by_their_fills() -> None:
    events = traffic.paid(500, "seed")
    assert len({event.body for event in events}) == len(events) == 2_000
    payments = [event for event in events if event.partner == "healnow"]
    assert Counter(event.key for event in payments) == dict.fromkeys({event.key for event in payments}, 2)
    assert len(payments) == 200
    filled = {event.key for event in events if event.partner == "truepill"}
    signals: dict[str, list[str]] = {}
    for event in payments:
        reading = read_payment(event.body, no_hash)
        (stated,) = reading.stated
        assert (stated.fallback, stated.undated, reading.unseen) == (event.key, True, ())
        assert ("request", event.key) in stated.links
        signals.setdefault(event.key, []).append(stated.fact.signal)
    assert set(signals) < filled
    assert all(told == ["payment:pending", "payment:paid"] for told in signals.values())


def test_a_wide_body_holds_two_hundred_medications() -> None:
    for event in mixed.wide(3, "seed"):
        (stated,) = read(event.body, no_hash).stated
        assert len(stated.fact.lines) == 200


def test_one_fill_in_a_hundred_holds_half_of_the_skewed_events() -> None:
    events = traffic.skewed(500, 2_000, "seed")
    most = Counter(event.key for event in events).most_common(5)
    assert len(events) == 2_000
    assert sum(count for _, count in most) == 1_000


def test_requests_made_quickly_are_signed_and_differ_between_seeds() -> None:
    requests = traffic.many(9_000, "a")
    assert len(set(requests)) == 9_000
    assert not set(requests) & set(traffic.many(9_000, "b"))
    head, _, body = requests[-1].partition(b"\r\n\r\n")
    digest = hmac.digest(traffic.HMAC_KEY.encode(), body, "sha256").hex()
    assert f"{traffic.HMAC_HEADER}: {digest}".encode() in head


def test_a_calm_fills_events_come_in_order() -> None:
    events = traffic.calm(480, "seed")
    for key in {event.key for event in events}:
        times = [event.at for event in events if event.key == key]
        assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", True),
    ],
)
def test_an_answer_is_whole_when_its_body_is(answer: bytes, whole: bool) -> None:
    assert complete(answer) is whole


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 3.0
    assert percentile([float(n) for n in range(100)], 0.99) == 99.0


def test_a_figure_is_met_from_the_asked_ratio_on() -> None:
    def at(rate: float) -> list[Load]:
        return [Load(int(rate), 1.0, 0.1, [0.001] * int(rate))]

    cells = {Cell(server, n): at(1_000) for server in (RECEIVER, REFERENCE, TUTORIAL_WAY) for n in (1, 64)}
    cells[Cell(RECEIVER, 64)] = at(450)
    cells[Cell(ONE_COMMIT, 1)] = at(2_000)
    rows = report.rows(report.Results(cells, {}, {}))
    met = {(row.beside, row.what): row.met for row in rows}
    assert met[ONE_COMMIT, "1 connection"] is False
    assert met[REFERENCE, "64 connections"] is True
    assert met[TUTORIAL_WAY, "64 connections"] is False
    assert met[REFERENCE, "1 connection"] is None


def test_the_partners_book_is_read_from_page_to_page_as_news_of_one_prescription_each() -> None:
    tokens, times, number = set(), [], "0"
    while number:
        page = page_of(orjson.loads(book.page(int(number), 250, 1_700_000_000)))
        assert page is not None
        for event in page.events:
            (stated,) = read(event.body, no_hash).stated
            assert (stated.kind, stated.fact.occurred_at) == ("prescription", event.at)
            tokens.add(stated.key)
            times.append(stated.fact.occurred_at)
        number = page.next or ""
    assert len(tokens) == len(times) == 250
    assert times == sorted(times)


def test_a_pull_is_held_against_the_time_that_applying_takes_and_against_fewer_events() -> None:
    def pull(events: int, waited: float, mib: float) -> pulled.Pull:
        return pulled.Pull(events, 1.0, waited, 0.5, mib)

    def rows(waited: float, mib: float) -> list[bool | None]:
        result = pulled.Result(
            [pull(2_000, 0.9, 100)], [pull(10_000, waited, mib)], [backlog.Applied(10_000, 1.0, 0.1)]
        )
        return [row.met for row in report.rows(report.Results({}, {}, {}, result))]

    assert rows(0.4, 110.0) == [True, True]
    assert rows(0.3, 111.0) == [False, False]
