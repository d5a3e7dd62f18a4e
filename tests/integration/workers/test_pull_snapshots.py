"""Records that are read: what the partner's pushes never said, and its records do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest

from ops.doctor.pulls import pulls as pull_checks
from store.db.connections import connect
from store.pulls import leases, rate_limit
from store.pulls.streams import SNAPSHOTS
from tests.integration.sandbox.billing import card, copay, patient_with
from tests.integration.sandbox.test_sandbox_consults import create as create_consult
from tests.integration.sandbox.test_sandbox_consults import simulate
from tests.integration.sandbox.test_sandbox_fills import create
from tests.integration.sandbox.test_sandbox_transfers import PATH as TRANSFERS
from tests.integration.sandbox.test_sandbox_transfers import body as transfer
from tests.integration.workers.test_pull_sandbox import (
    Side,
    against,
    live,
    pull_url,
    reference,
    without_waits,
)
from tests.support.factories import OrderError
from tests.support.partner import Answer, Asked, partner
from tests.support.records import ConsultItem, FillRecord
from tests.support.sandbox import Desk
from workers.pull.store_page import PARTNER
from workers.pull.transfer_list import LIST_FROM

__all__ = ["against", "live", "pull_url", "reference", "without_waits"]

DAY = 86_400


def know(side: Side, kind: str, key: str, alias: str | None = None, state: str = "pending") -> None:
    """All that we ever heard of it: that it is there, as the answer to its create says."""
    at = side.ledger.tools.clock()
    side.conn.execute(
        "INSERT INTO entities (kind, key, state, since, first_seen) VALUES (%s, %s, %s, %s, %s)",
        (kind, key, state, at, at),
    )
    if alias is not None:
        side.conn.execute("INSERT INTO aliases (kind, alias, key) VALUES (%s, %s, %s)", (kind, alias, key))


def counts(side: Side) -> tuple[int, int]:
    return side.ledger.count("events"), side.ledger.count("facts")


def test_a_fill_whose_callbacks_were_all_lost_becomes_right_by_its_record(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference)
    patient, tokens = patient_with(reference, True)
    fill = create(reference, patient, tokens, simulation={"error": "R3"})
    know(side, "fill_request", fill)
    reference.wait(DAY)

    report = side.pull(SNAPSHOTS)[SNAPSHOTS]

    assert (report.finished, report.events, report.stored, report.trouble) == (True, 1, 1, None)
    assert side.ledger.state(fill) == "rejected"
    assert side.ways()["fill_request"] == {("snapshot",)}
    assert side.pull(SNAPSHOTS)[SNAPSHOTS].events == 0  # it waits no more


def test_a_transfer_is_looked_at_by_its_token(reference: Desk, against: Callable[..., Side]) -> None:
    side = against(reference)
    sent = transfer(reference.patient(), simulation={})
    answer = reference.done("POST", TRANSFERS, sent)
    key, token = answer["request_id"], answer["details"]["transfer_token"]
    know(side, "transfer", key, token)
    reference.wait(DAY)
    assert side.pull(SNAPSHOTS)[SNAPSHOTS].stored == 1
    assert side.ledger.story(key, "transfer").stored.state == "completed"


def test_of_many_transfers_the_list_tells_which_are_pending_and_only_the_others_are_asked_for(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference, RXLEDGER_PULL_QUIET="600")
    for number in range(60):
        ended: dict[str, Any] = {"simulation": {}} if number == 57 else {}
        answer = reference.done("POST", TRANSFERS, transfer(reference.patient(), **ended))
        if number >= 60 - LIST_FROM:
            know(side, "transfer", answer["request_id"], answer["details"]["transfer_token"])
    reference.wait(1800)
    report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    # Two pages of the list, and the record of the one that is not pending any more.
    assert (report.finished, report.pages, report.events) == (True, 3, LIST_FROM)
    states = side.states()["transfer"]
    assert (states.count("pending"), states.count("completed")) == (LIST_FROM - 1, 1)
    assert side.ways()["transfer"] == {("snapshot",)}


def test_a_list_that_fails_keeps_no_transfer_from_being_asked_for(
    reference: Desk, against: Callable[..., Side]
) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/v1/transfer_request"):
            return Answer(404, b"Jane Canary")
        token = asked.path.rpartition("/")[2]
        return Answer(200, orjson.dumps([{"url_token": token, "status": "pending"}]))

    with partner(answer) as other:
        side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=other.url)
        for number in range(LIST_FROM):
            know(side, "transfer", f"transfer_request_{number}", f"token{number}")
        reference.wait(DAY)
        report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.finished, report.refused, report.events) == (True, 1, LIST_FROM)


def test_a_copay_and_a_consult_are_looked_at_where_the_live_contract_is(
    live: Desk, against: Callable[..., Side]
) -> None:
    side = against(live)
    patient, tokens = patient_with(live, True)
    request = copay(live, patient, [card(live, patient)], tokens, simulation={})["request_id"]
    consult = create_consult(live)
    simulate(live, consult, status="completed", completionState=["rx_prescribed"])
    know(side, "copay", request)
    know(side, "consult", consult, state="assigned")
    live.wait(2 * DAY)
    reports = side.pull(SNAPSHOTS)
    assert (reports[SNAPSHOTS].finished, reports[SNAPSHOTS].stored) == (True, 2)
    found = side.states()
    assert (found["copay"], found["consult"]) == (["completed"], ["completed"])


def test_a_record_that_says_nothing_new_stores_nothing_and_is_asked_for_less_and_less(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference, RXLEDGER_PULL_QUIET="3600")
    patient, tokens = patient_with(reference, True)
    fill = create(reference, patient, tokens)
    know(side, "fill_request", fill)
    reference.wait(3600)
    assert side.pull(SNAPSHOTS)[SNAPSHOTS].stored == 1  # that it is pending was not known for that time
    stored = counts(side)
    asked = []
    for _ in range(48):
        reference.time[0] += 1800
        asked.append(side.pull(SNAPSHOTS)[SNAPSHOTS].pages)
    # An hour after the first reading, then after one more, two, four and eight hours; in between nobody asks.
    assert [(n + 1) / 2 for n, pages in enumerate(asked) if pages] == [1, 2, 3, 5, 9, 17]
    assert counts(side) == stored


def test_a_record_that_the_partner_does_not_know_stops_no_other(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference)
    know(side, "fill_request", "fill_request_that_is_not")
    know(side, "fill_request", "a name / that stands in no URL")
    patient, tokens = patient_with(reference, True)
    fill = create(reference, patient, tokens, simulation={"error": "R3"})
    know(side, "fill_request", fill)
    reference.wait(DAY)
    report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.finished, report.pages, report.stored, report.trouble) == (True, 3, 1, None)
    assert side.ledger.state(fill) == "rejected"


def record(**told: Any) -> Answer:
    return Answer(200, orjson.dumps(FillRecord(**told)))


def test_a_record_that_fails_ends_the_run_and_the_next_one_goes_on_behind_it(
    reference: Desk, against: Callable[..., Side]
) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(500, b"Jane Canary") if asked.path.endswith("/f1") else record(status="rejected")

    with partner(answer) as failing:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=failing.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no"
        )
        for key in ("f0", "f1", "f2"):
            know(side, "fill_request", key)
        reference.time[0] += DAY
        first = side.pull(SNAPSHOTS)[SNAPSHOTS]
        second = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (first.finished, first.stored, first.trouble) == (
        False,
        1,
        "fill_request: 500, the partner failed",
    )
    assert (second.finished, second.stored, second.trouble) == (True, 1, None)
    assert [side.ledger.state(key) for key in ("f0", "f1", "f2")] == ["rejected", "pending", "rejected"]


def test_whoever_loses_the_lease_while_the_partner_answers_stores_nothing(
    reference: Desk, against: Callable[..., Side], pull_url: str
) -> None:
    def slow(asked: Asked) -> Answer:
        with connect(pull_url, "other") as other:
            other.execute("UPDATE streams SET leased_until = clock_timestamp() - interval '1 s'")
            assert leases.lease(other, PARTNER, SNAPSHOTS, "another") is not None
        return record(status="rejected")

    with partner(slow) as running:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=running.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no"
        )
        know(side, "fill_request", "f1")
        reference.time[0] += DAY
        report = side.pull(SNAPSHOTS)[SNAPSHOTS]
    assert (report.busy, report.finished, report.stored) == (True, False, 0)
    assert counts(side) == (0, 0)
    assert side.ledger.state("f1") == "pending"


def test_since_asks_again_about_what_had_its_turn(reference: Desk, against: Callable[..., Side]) -> None:
    with partner(lambda _: Answer(404)) as unknowing:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=unknowing.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no"
        )
        know(side, "fill_request", "f1")
        reference.time[0] += DAY
        assert [side.pull(SNAPSHOTS)[SNAPSHOTS].pages for _ in range(2)] == [1, 0]
        with side.puller() as puller:
            again = puller.pull(SNAPSHOTS, since=side.ledger.tools.clock() - timedelta(days=2))
    assert (again.pages, again.finished) == (1, True)


def test_a_round_that_is_interrupted_goes_on_where_it_was_by_records_and_by_pages(
    reference: Desk, against: Callable[..., Side]
) -> None:
    """Each run ends after one call; of the consults one stands on each page, and c9 on none."""
    asked: list[str] = []

    def answer(request: Asked) -> Answer:
        if request.path != "/consults/v0":
            asked.append(request.path.rsplit("/", 1)[-1])
            return record(status="pending")
        (page,) = request.query["page_number"]
        asked.append(f"page {page}")
        listed = [ConsultItem(id=f"c{page}", status="completed")] if int(page) < 3 else []
        return Answer(200, orjson.dumps({"consults": listed}))

    with partner(answer) as running:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=running.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="yes"
        )
        for key in ("f0", "f1"):
            know(side, "fill_request", key)
        for key in ("c1", "c2", "c9"):
            know(side, "consult", key, state="assigned")
        reference.time[0] += DAY
        finished = []
        before = 0

        def over() -> bool:
            return len(asked) > before

        for _ in range(6):
            before = len(asked)
            with side.puller() as puller:
                finished.append(puller.pull(SNAPSHOTS, over=over).finished)
    assert asked == ["f0", "f1", "page 1", "page 2", "page 3"]
    assert finished == [False, False, False, False, True, True]
    side.ledger.settle()
    assert side.states() == {
        "consult": ["assigned", "completed", "completed"],
        "fill_request": ["pending", "pending"],
    }


#: What dates the records of each surface where they have no time of their own.
BEHIND = timedelta(days=30)


def behind(desk: Desk, **headers: str) -> Callable[[Asked], Answer]:
    """A partner whose clock is 30 days behind ours, with a fill, a transfer, and a consult in a list."""
    date = format_datetime(datetime.fromtimestamp(desk.time[0], UTC) - BEHIND, usegmt=True)

    def answer(asked: Asked) -> Answer:
        kind, _, name = asked.path.rpartition("/")
        found: Any = FillRecord(status="rejected", error_code="R3")
        if kind.endswith("transfer_request"):
            found = [{"url_token": name, "status": "pending"}]
        if asked.path == "/consults/v0":
            found = {"consults": [ConsultItem(id="c1", status="review", updated_at=None)]}
        return Answer(200, orjson.dumps(found), {"Date": date, **headers})

    return answer


def times_of(side: Side) -> dict[str, datetime]:
    query = "SELECT e.kind, f.occurred_at FROM facts f JOIN entities e ON e.id = f.entity_id"
    return dict(side.conn.execute(query).fetchall())


def test_records_are_dated_by_the_partners_clock_as_callbacks_are(
    reference: Desk, against: Callable[..., Side]
) -> None:
    reference.time[0] += 60 * DAY
    with partner(behind(reference)) as running:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=running.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="yes"
        )
        know(side, "fill_request", "f1")
        know(side, "transfer", "t1", "token1")
        know(side, "consult", "c1", state="assigned")
        reference.time[0] += DAY
        assert side.pull(SNAPSHOTS)[SNAPSHOTS].finished
    then = datetime.fromtimestamp(int(reference.time[0]) - DAY, UTC) - BEHIND
    assert times_of(side) == {"fill_request": then, "transfer": then, "consult": then}
    (skew,) = side.conn.execute("SELECT skew FROM calls").fetchone() or (None,)
    assert skew == pytest.approx(-31 * DAY, abs=60)


def test_a_record_read_after_a_callback_of_the_partners_time_is_the_later_news(
    reference: Desk, against: Callable[..., Side]
) -> None:
    """By our clock it would be a month later than all that happened to the fill in that month."""
    reference.time[0] += 60 * DAY
    at = int(reference.time[0]) - 30 * DAY
    with partner(behind(reference)) as running:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=running.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no"
        )
        know(side, "fill_request", "f1")
        reference.time[0] += DAY
        side.pull(SNAPSHOTS)
    side.push([OrderError(request_id="f1", timestamp=at + 3600, details__error_code="R3")])
    steps = side.ledger.story("f1").steps
    assert [(step.fact.signal, str(step.verdict)) for step in steps] == [
        ("seen:rejected", "moved"),
        ("order:rejected", "confirmed"),
    ]


def test_an_answer_without_a_date_is_dated_by_the_start_of_the_request(
    reference: Desk, against: Callable[..., Side]
) -> None:
    with partner(behind(reference, Date="some day")) as running:
        side = against(
            reference, RXLEDGER_TRUEPILL_BASE_URL=running.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no"
        )
        know(side, "fill_request", "f1")
        reference.time[0] += DAY
        side.pull(SNAPSHOTS)
    assert times_of(side) == {"fill_request": datetime.fromtimestamp(int(reference.time[0]), UTC)}
    assert side.conn.execute("SELECT skew FROM calls").fetchone() == (None,)


@pytest.mark.parametrize(
    ("ahead", "sandbox", "status", "said"),
    [
        (timedelta(seconds=20), False, "ok", "goes with ours"),
        (-BEHIND, False, "warn", "30.0 d behind ours"),
        (-BEHIND, True, "ok", "30.0 d behind ours, as a sandbox's may be"),
        (timedelta(hours=3), True, "warn", "3.0 h ahead of ours"),
    ],
)
def test_doctor_tells_how_far_the_partners_clock_is_from_ours(
    reference: Desk,
    against: Callable[..., Side],
    ahead: timedelta,
    sandbox: bool,
    status: str,
    said: str,
) -> None:
    url = {"RXLEDGER_SANDBOX_URL": f"{reference.url}/"} if sandbox else {}
    side = against(reference, **url)
    side.pull(SNAPSHOTS)
    side.conn.execute("INSERT INTO calls (partner) VALUES ('truepill') ON CONFLICT DO NOTHING")
    rate_limit.note_skew(side.conn, PARTNER, ahead.total_seconds())
    found = {check.name: check for check in pull_checks(side.settings)}["clock of truepill"]
    assert (found.status, bool(found.todo)) == (status, status == "warn")
    assert said in found.text
