"""Records that are read at once: of copies that leave open what they say, and of new prescriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from store.pulls import wanted_records
from store.pulls.streams import SNAPSHOTS
from store.pulls.wanted_records import TRIES
from tests.integration.workers.test_pull_sandbox import (
    Side,
    against,
    pull_url,
    reference,
    without_waits,
)
from tests.integration.workers.test_pull_snapshots import know
from tests.support.factories import CopaySuccess, FilledMedication, NotifyRx, OrderClaim, OrderSuccess
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.records import CopayRecord, FillRecord, RxRecord
from tests.support.sandbox import Desk

__all__ = ["against", "pull_url", "reference", "without_waits"]

DAY = 86_400
FILL, RX = "fill_request_1", "rx1"


@contextmanager
def answering(records: dict[str, Answer], events: list[Any] | None = None) -> Iterator[Partner]:
    """A partner that has records by their paths, and these events of every request."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/webhook_events"):
            nobodys = asked.query.get("request_id") == ["$eq:rxledger_nobodys_request"]
            return events_page(*([] if nobodys else events or []))
        return records.get(asked.path, Answer(404))

    with partner(answer) as running:
        yield running


def record(found: Any) -> Answer:
    return Answer(200, orjson.dumps(found))


def side_of(server: Partner, desk: Desk, against: Callable[..., Side], live: str = "no") -> Side:
    return against(
        desk,
        RXLEDGER_TRUEPILL_BASE_URL=server.url,
        RXLEDGER_TRUEPILL_LIVE_CONTRACT=live,
        RXLEDGER_PULL_QUIET="864000",
    )


def wanted(side: Side) -> set[tuple[str, str, int]]:
    return set(side.conn.execute("SELECT kind, key, tries_left FROM wanted_records").fetchall())


def asked_for(server: Partner, of: str) -> int:
    return sum(one.path == of for one in server.asked)


def a_day_passes(side: Side, desk: Desk) -> None:
    desk.time[0] += DAY
    side.conn.execute(
        "UPDATE wanted_records SET next_at = next_at - interval '1 day', since = since - interval '1 day'"
    )


def copy_of(callback_type: str) -> dict[str, Any]:
    """A pulled copy: whose it is stands in its URL, and how it went nowhere."""
    return {"timestamp": 1_769_999_000, "callback_type": callback_type, "details": {"message": "news"}}


OPEN: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("SHIPMENT", "fill_request", f"/v1/fill_request/{FILL}", FillRecord(status="rejected"), "rejected"),
    ("COPAY", "copay", f"/v1/copay_request/{FILL}", CopayRecord(request_id=FILL, status="triage"), "triage"),
]


@pytest.mark.parametrize(("callback_type", "kind", "path", "found", "state"), OPEN)
def test_a_pulled_copy_that_leaves_open_what_it_says_has_its_record_read_at_once_and_once(
    reference: Desk,
    against: Callable[..., Side],
    callback_type: str,
    kind: str,
    path: str,
    found: dict[str, Any],
    state: str,
) -> None:
    records: dict[str, Answer] = {}
    with answering(records, [copy_of(callback_type)]) as server:
        side = side_of(server, reference, against, live="yes")
        know(side, kind, FILL)
        side.pull(SNAPSHOTS)
        read_events(side, kind)
        assert side.ledger.reasons() == ["missing_status"]
        assert wanted(side) == {(kind, FILL, 1)}
        records[path] = record(found)
        server.asked.clear()

        report = side.pull(SNAPSHOTS)[SNAPSHOTS]

        assert (report.finished, report.stored, report.refused) == (True, 1, 0)
        assert side.ledger.story(FILL, kind).stored.state == state
        assert wanted(side) == set()
        # It came once more, under its id: that is the event of before.
        read_events(side, kind)
        side.pull(SNAPSHOTS)
        assert (wanted(side), asked_for(server, path)) == (set(), 2)  # one of them beside the events


def read_events(side: Side, kind: str) -> None:
    with side.puller() as puller:
        puller.pull_entity(kind, FILL)
    side.ledger.settle()


def test_a_wanted_record_that_is_refused_is_wanted_no_more(
    reference: Desk, against: Callable[..., Side]
) -> None:
    with answering({}, [copy_of("SHIPMENT")]) as server:
        side = side_of(server, reference, against)
        know(side, "fill_request", FILL)
        read_events(side, "fill_request")
        assert wanted(side) == {("fill_request", FILL, 1)}
        report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.finished, report.refused, wanted(side)) == (True, 1, set())


def test_a_wanted_record_that_fails_is_wanted_still_and_keeps_no_other_waiting(
    reference: Desk, against: Callable[..., Side]
) -> None:
    other = {
        f"/v1/fill_request/{FILL}": Answer(500),
        "/v1/fill_request/f2": record(FillRecord(status="rejected")),
    }
    with answering(other) as server:
        side = side_of(server, reference, against)
        for key in (FILL, "f2"):
            know(side, "fill_request", key)
        wanted_records.want_records(side.conn, [("fill_request", FILL), ("fill_request", "f2")])
        first = side.pull(SNAPSHOTS)[SNAPSHOTS]
        second = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert {report.trouble for report in (first, second)} == {None, "fill_request: 500, the partner failed"}
    assert side.ledger.state("f2") == "rejected"
    assert wanted(side) == {("fill_request", FILL, 1)}


def test_what_reads_no_record_of_its_kind_wants_none(reference: Desk, against: Callable[..., Side]) -> None:
    with answering({}, [copy_of("PRIOR_AUTH")]) as server:
        side = side_of(server, reference, against, live="yes")
        know(side, "prior_auth", FILL, state="new")
        read_events(side, "prior_auth")
    assert side.ledger.reasons() == ["missing_status"]
    assert wanted(side) == set()


RX_PATH = f"/v1/prescription/{RX}"
NAMING: list[dict[str, Any]] = [
    NotifyRx(timestamp=1_769_999_000, details__prescription_token=RX),
    CopaySuccess(timestamp=1_769_999_000),
    OrderClaim(timestamp=1_769_999_000),
]
NAMING[1]["details"]["prescriptions"] = [
    {"prescription_token": RX, "status": "completed", "copay_amount": "1"}
]
NAMING[2]["details"]["medications"] = [{"prescription_token": RX, "copay_amount": 1}]


@pytest.mark.parametrize("callback", NAMING, ids=lambda one: str(one["callback_type"]))
def test_the_record_of_a_prescription_that_is_heard_of_is_read_in_the_next_round_and_once(
    reference: Desk, against: Callable[..., Side], callback: dict[str, Any]
) -> None:
    found = record(RxRecord(prescription_token=RX, fillable=False, rx_number="1144478"))
    with answering({RX_PATH: found}) as server:
        side = side_of(server, reference, against)
        side.pull(SNAPSHOTS)
        side.push([callback])
        side.pull(SNAPSHOTS)
        assert side.ledger.story(RX, "prescription").stored.state == "unfillable"
        for _ in range(4):
            a_day_passes(side, reference)
            side.pull(SNAPSHOTS)
    assert asked_for(server, RX_PATH) == 1
    assert wanted(side) == set()


def test_its_rx_number_is_a_name_that_joins_it_to_what_carries_it(
    reference: Desk, against: Callable[..., Side]
) -> None:
    """A payment is about an rx number; the callbacks before the order's success have none."""
    with answering({RX_PATH: record(RxRecord(prescription_token=RX, rx_number="1144478"))}) as server:
        side = side_of(server, reference, against)
        side.push([NAMING[0]])
        side.pull(SNAPSHOTS)
    hashed = side.ledger.tools.keyed_hash.link("rx_number", "1144478").hex()
    carriers = (
        "SELECT e.kind, e.key FROM postings p JOIN entities e ON e.id = p.entity_id WHERE p.hash = %s::uuid"
    )
    assert side.conn.execute(carriers, (hashed,)).fetchall() == [("prescription", RX)]
    other = FilledMedication(prescription_token="another", rx_number="1144478")
    side.push([OrderSuccess(request_id=FILL, timestamp=1_769_999_500, details__medications=[other])])
    found = set(side.conn.execute(carriers, (hashed,)).fetchall())
    assert found == {("prescription", RX), ("fill_request", FILL)}
    # Nowhere does it stand in the clear.
    for table in ("postings", "facts", "entities", "wanted_records", "events"):
        assert "1144478" not in str(side.conn.execute(f"SELECT t::text FROM {table} t").fetchall())


def test_a_prescription_that_cannot_be_had_is_asked_for_daily_and_not_for_ever(
    reference: Desk, against: Callable[..., Side]
) -> None:
    with answering({}) as server:
        side = side_of(server, reference, against)
        side.push([NAMING[0]])
        asked = []
        for _ in range(TRIES + 5):
            side.pull(SNAPSHOTS)
            side.pull(SNAPSHOTS)
            asked.append(asked_for(server, RX_PATH))
            a_day_passes(side, reference)
        assert asked == [min(n + 1, TRIES) for n in range(TRIES + 5)]
        assert wanted(side) == set()
        side.push([{**NAMING[1], "timestamp": int(reference.time[0])}])
        side.pull(SNAPSHOTS)
        assert asked_for(server, RX_PATH) == TRIES + 1  # it is news


def test_what_was_applied_after_the_round_that_it_was_received_before_is_not_passed_over(
    reference: Desk, against: Callable[..., Side]
) -> None:
    with answering({RX_PATH: record(RxRecord(prescription_token=RX))}) as server:
        side = side_of(server, reference, against)
        side.ledger.admit(NAMING[0])
        reference.time[0] += 3600
        with side.puller() as puller:
            assert puller.pull(SNAPSHOTS).finished
        side.push([])
        assert asked_for(server, RX_PATH) == 0
        side.pull(SNAPSHOTS)
    assert asked_for(server, RX_PATH) == 1


def test_a_round_that_is_interrupted_among_wanted_records_goes_on_there_and_reads_none_twice(
    reference: Desk, against: Callable[..., Side]
) -> None:
    """Each run ends after one record; what is wanted comes first, new prescriptions after what has waited."""
    pending, rx = record(FillRecord(status="pending")), record(RxRecord(prescription_token=None))
    records = {f"/v1/fill_request/f{n}": pending for n in range(4)}
    records |= {f"/v1/prescription/rx{n}": rx for n in range(2)}
    with answering(records) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        for n in range(4):
            know(side, "fill_request", f"f{n}")
        at = int(reference.time[0])
        side.push([NotifyRx(timestamp=at, details__prescription_token=f"rx{n}") for n in range(2)])
        wanted_records.want_records(side.conn, [("fill_request", "f2"), ("fill_request", "f3")])
        reference.time[0] += 3600
        asked: list[str] = []
        finished, before = False, 0

        def over() -> bool:
            return len(server.asked) > before

        while not finished:
            before = len(server.asked)
            with side.puller() as puller:
                finished = puller.pull(SNAPSHOTS, over=over).finished
            asked += [one.path.rpartition("/")[2] for one in server.asked[before:]]
            assert len(asked) < 20
    # What was wanted is due as well, since no worker has applied its record yet.
    assert asked[:2] == ["f2", "f3"]
    assert asked[2:] == ["f0", "f1", "f2", "f3", "rx0", "rx1"]
