"""The claims of open fills are read: what a lost order claim said, and what nothing else says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from store.pulls.streams import SNAPSHOTS
from tests.integration.sandbox.billing import card, patient_with
from tests.integration.sandbox.test_sandbox_fills import create
from tests.integration.workers.test_pull_sandbox import (
    Side,
    against,
    pull_url,
    reference,
    truth,
    without_waits,
)
from tests.integration.workers.test_pull_snapshots import know
from tests.support.factories import FilledMedication, NotifyRx, OrderSuccess, OrderTriage
from tests.support.partner import Answer, Asked, Partner, partner
from tests.support.records import ClaimRecord, FillRecord
from tests.support.sandbox import Desk

__all__ = ["against", "pull_url", "reference", "without_waits"]

DAY = 86_400
FILL, RX = "fill_request_1", "rx1"


def history(side: Side, key: str) -> list[tuple[str, str]]:
    return [(step.fact.signal, step.after) for step in side.ledger.story(key).steps]


def test_a_fill_whose_order_claim_was_lost_waits_for_a_payment_by_its_claims(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference)
    patient, tokens = patient_with(reference, True)
    insurance = [{"insurance_token": card(reference, patient)}]
    fill = create(reference, patient, tokens, insurances=insurance)
    know(side, "fill_request", fill)
    # That it is about this prescription is all that we know.
    side.push([event for event in truth(reference) if event["callback_type"] == "NOTIFY_RX"])
    hashed = side.ledger.tools.keyed_hash.link("prescription", tokens[0])
    side.conn.execute(
        "INSERT INTO postings SELECT encode(%s, 'hex')::uuid, id, 'prescription' "
        "FROM entities WHERE key = %s",
        (hashed, fill),
    )
    reference.wait(7200)
    (claim,) = [event for event in truth(reference) if event["callback_type"] == "ORDER_CLAIM"]

    side.pull(SNAPSHOTS)

    story = side.ledger.story(fill)
    assert (story.stored.state, story.stored.review) == ("awaiting_payment", None)
    assert ("claim:owed", "awaiting_payment") in history(side, fill)
    # It is owed since then, as the callback says, and not since it was read.
    assert abs((story.stored.since or 0) - claim["timestamp"]) <= 1
    side.push([claim])
    after = side.ledger.story(fill).stored
    assert (after.state, after.review) == ("awaiting_payment", None)
    facts = side.ledger.count("facts")
    reference.wait(2 * DAY)
    events = side.ledger.count("events")
    side.pull(SNAPSHOTS)
    side.pull(SNAPSHOTS)
    # What stands still is one event, however often it is read; the fill's record has a day of its own.
    assert side.ledger.count("events") - events <= 1
    assert side.ledger.count("facts") - facts <= 1


@contextmanager
def a_partner(claims: dict[str, list[Any]], status: int = 200) -> Iterator[Partner]:
    """One that has a pending fill, and claims by `TOKEN/NUMBER`."""

    def answer(asked: Asked) -> Answer:
        parts = asked.path.split("/")
        if parts[-1] == "claims":
            found: Any = claims.get(f"{parts[3]}/{parts[5]}", [])
            return Answer(status, orjson.dumps(found))
        if parts[2] == "prescription":
            return Answer(404)
        return Answer(200, orjson.dumps(FillRecord(status="pending")))

    with partner(answer) as running:
        yield running


def at(desk: Desk, after: int) -> str:
    return datetime.fromtimestamp(desk.time[0] + after, UTC).isoformat()


def triaged(desk: Desk, side: Side, **more: str) -> None:
    """A fill of one prescription that is open since now."""
    triage = OrderTriage(request_id=FILL, timestamp=int(desk.time[0]))
    triage["details"]["medications"] = [{"prescription_token": RX}]
    side.push([triage])


def asked_for(server: Partner) -> list[str]:
    return [one.path.removeprefix("/v1/prescription/") for one in server.asked if "claims" in one.path]


@pytest.mark.parametrize("filled", [0, 2])
@pytest.mark.parametrize("counted_from", [0, 1])
def test_fills_are_asked_for_by_both_ways_of_counting_them(
    reference: Desk, against: Callable[..., Side], filled: int, counted_from: int
) -> None:
    claims: dict[str, list[Any]] = {}
    with a_partner(claims) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        for number in range(filled):
            medications = [FilledMedication(prescription_token=RX)]
            before = int(reference.time[0]) - (number + 1) * 30 * DAY
            told = OrderSuccess(
                request_id=f"other{number}", timestamp=before, details__medications=medications
            )
            side.push([told])
        triaged(reference, side)
        claims[f"{RX}/{filled + counted_from}"] = [
            # Of a copay that was asked for before, or of the fill before: not of this one.
            ClaimRecord(transmission_date=at(reference, -60), patient_copay_amount=99),
            ClaimRecord(transmission_date=at(reference, 60)),
        ]
        reference.time[0] += 4 * DAY
        report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.finished, report.refused) == (True, 0)
    assert asked_for(server) == [f"{RX}/fill/{filled}/claims", f"{RX}/fill/{filled + 1}/claims"]
    story = side.ledger.story(FILL)
    assert (story.stored.state, story.stored.since) == (
        "awaiting_payment",
        int(reference.time[0]) - 4 * DAY + 60,
    )
    assert [signal for signal, _ in history(side, FILL)].count("claim:owed") == 1


def test_claims_of_another_fill_alone_state_nothing(reference: Desk, against: Callable[..., Side]) -> None:
    claims = {f"{RX}/1": [ClaimRecord(transmission_date=at(reference, -60))]}
    with a_partner(claims) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        triaged(reference, side)
        reference.time[0] += 4 * DAY
        side.pull(SNAPSHOTS)
    assert side.ledger.state(FILL) == "triage"
    assert [signal for signal, _ in history(side, FILL) if "claim" in signal] == []


def test_a_claim_that_was_reversed_ends_the_wait_for_its_payment(
    reference: Desk, against: Callable[..., Side]
) -> None:
    paid = ClaimRecord(transmission_date=at(reference, 60))
    claims: dict[str, list[Any]] = {f"{RX}/1": [paid]}
    with a_partner(claims) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        triaged(reference, side)
        reference.time[0] += 4 * DAY
        side.pull(SNAPSHOTS)
        assert side.ledger.state(FILL) == "awaiting_payment"
        again = {"transaction_code": "B2", "transaction_status": "APPROVED", "claim_type": "REVERSAL"}
        claims[f"{RX}/1"] = [paid, {**paid, **again, "transmission_date": at(reference, -DAY)}]
        reference.time[0] += 12 * DAY
        side.pull(SNAPSHOTS)
    found = [one for one in history(side, FILL) if "claim" in one[0]]
    assert found == [("claim:owed", "awaiting_payment"), ("claim:reversed", "pending")]


def test_a_partner_that_is_behind_has_its_claims_counted_by_its_own_clock(
    reference: Desk, against: Callable[..., Side]
) -> None:
    """Registered by our clock now: by the partner's that is a month ago, and so are the claims."""
    behind = timedelta(days=30)
    sent = datetime.fromtimestamp(reference.time[0], UTC) - behind + timedelta(minutes=1)
    claims = {f"{RX}/1": [ClaimRecord(transmission_date=sent.isoformat())]}
    with a_partner(claims) as server:
        plain = server.answer
        date = datetime.fromtimestamp(reference.time[0] + 4 * DAY, UTC) - behind

        def dated(asked: Asked) -> Answer:
            found = plain(asked)
            return Answer(found.status, found.body, {"Date": f"{date:%a, %d %b %Y %H:%M:%S} GMT"})

        server.answer = dated
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        know(side, "fill_request", FILL)
        side.push([NotifyRx(timestamp=int(sent.timestamp()), details__prescription_token=RX)])
        side.conn.execute(
            "INSERT INTO postings SELECT p.hash, e.id, 'prescription' FROM postings p, entities e "
            "WHERE p.domain = 'prescription' AND e.key = %s",
            (FILL,),
        )
        reference.time[0] += 4 * DAY
        side.pull(SNAPSHOTS)
    assert side.ledger.state(FILL) == "awaiting_payment"


@pytest.mark.parametrize("status", [404, 400])
def test_claims_that_are_not_given_are_told_and_keep_no_record_from_being_read(
    reference: Desk, against: Callable[..., Side], status: int
) -> None:
    with a_partner({}, status) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        triaged(reference, side)
        reference.time[0] += 4 * DAY
        report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.finished, report.refused, report.events) == (True, 1, 1)
    assert len(asked_for(server)) == 1


def test_claims_that_fail_end_the_run_with_the_record_stored_and_the_next_goes_on_behind(
    reference: Desk, against: Callable[..., Side]
) -> None:
    with a_partner({}, 500) as server:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
        triaged(reference, side)
        reference.time[0] += 4 * DAY
        first = side.pull(SNAPSHOTS)[SNAPSHOTS]
        # The record was news, by which the fill is due once more in this round.
        later = [side.pull(SNAPSHOTS)[SNAPSHOTS] for _ in range(2)]
    assert (first.finished, first.trouble, first.stored) == (False, "claims: 500, the partner failed", 1)
    assert (later[-1].finished, later[-1].trouble) == (True, None)
