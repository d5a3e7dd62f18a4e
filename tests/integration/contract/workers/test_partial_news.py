"""News that says a part of what is known, or dates it more finely: over any batches, copies and ways."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import pytest

from statemachine import current_lines
from statemachine.copay import COPAY
from tests.support.factories import (
    CopayError,
    CopaySuccess,
    OrderClaim,
    OrderTriage,
    OwedMedication,
    PricedPrescription,
    PriorAuth,
    RefusedPrescription,
)
from tests.support.ledger import Ledger
from workers.apply.replay import replay

T0 = 1_590_800_000
DAY = 86_400


def answer(at: int, *prescriptions: dict[str, Any], key: str = "c1", thousandths: int = 0) -> dict[str, Any]:
    timestamp = (T0 + at) * 1000 + thousandths if thousandths else T0 + at
    content: dict[str, Any] = CopaySuccess(
        request_id=key, timestamp=timestamp, details__prescriptions=list(prescriptions)
    )
    return content


def priced(token: str) -> dict[str, Any]:
    content: dict[str, Any] = PricedPrescription(prescription_token=token)
    return content


def refused(token: str) -> dict[str, Any]:
    content: dict[str, Any] = RefusedPrescription(prescription_token=token, next_fill_date="2020-09-01")
    return content


def lines(ledger: Ledger, key: str = "c1") -> list[tuple[str | None, str]]:
    return [(one.token, one.status) for one in current_lines(COPAY, ledger.story(key, "copay").steps)]


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_a_success_that_lists_one_prescription_leaves_the_others_as_they_are(
    ledger: Ledger, batches: int
) -> None:
    news = [
        answer(0, priced("a"), refused("b"), refused("c")),
        answer(9, priced("b")),
        answer(20, priced("c")),
    ]
    for number, order in enumerate(permutations(news)):
        key = f"c{number}"
        bodies = [{**content, "request_id": key} for content in order]
        for start in range(batches):
            ledger.apply(*bodies[start::batches])
        story = ledger.story(key, "copay")
        assert story.stored == story.folded
        assert (story.stored.outcome, story.stored.due) == ("full", None)
        assert lines(ledger, key) == [("a", "completed"), ("b", "completed"), ("c", "completed")]


def test_what_the_partner_denies_of_one_prescription_takes_no_price_of_another(ledger: Ledger) -> None:
    ledger.apply(answer(0, priced("a"), refused("b")))
    ledger.apply(answer(9, RefusedPrescription(prescription_token="b", next_fill_date=None)))
    assert ledger.story("c1", "copay").stored.outcome == "partial"
    assert lines(ledger) == [("a", "completed"), ("b", "rejected")]


def test_two_answers_of_one_second_stand_in_the_order_of_their_milliseconds(ledger: Ledger) -> None:
    early, late = answer(0, priced("a"), thousandths=101), answer(0, refused("a"), thousandths=902)
    for number, order in enumerate(permutations([early, late, early])):
        for content in order:
            ledger.apply({**content, "request_id": f"c{number}"})
        story = ledger.story(f"c{number}", "copay")
        assert story.stored == story.folded
        assert [step.fact.millisecond for step in story.steps] == [101, 902]
        assert story.stored.outcome == "none"


@pytest.mark.parametrize("first", ["push", "pull"])
def test_a_pulled_copy_in_seconds_is_the_pushed_fact_and_leaves_its_place(ledger: Ledger, first: str) -> None:
    printed, other = answer(0, priced("a"), thousandths=515), answer(0, refused("a"), thousandths=514)
    copies = {"push": printed, "pull": {**printed, "timestamp": T0}}
    ledger.apply(other)
    for via in sorted(copies, reverse=first == "push"):
        ledger.apply(copies[via], via=via)
    story = ledger.story("c1", "copay")
    assert [(step.fact.millisecond, step.fact.lines[0].status) for step in story.steps] == [
        (514, "rejected"),
        (515, "completed"),
    ]
    assert story.stored == story.folded


def test_of_two_decisions_of_one_second_the_later_one_stands(ledger: Ledger) -> None:
    steps = [("approved", 100), ("declined", 900), ("appealed", 950)]
    for number, order in enumerate(permutations(steps)):
        for status, thousandths in order:
            ledger.apply(PriorAuth(request_id=f"p{number}", status=status, timestamp=T0 * 1000 + thousandths))
        story = ledger.story(f"p{number}", "prior_auth")
        # Declined after an approval is a contradiction; taken by their ranks it would have been none.
        assert [step.fact.signal for step in story.steps] == ["pa:approved", "pa:declined", "pa:appealed"]
        assert (story.stored == story.folded, story.stored.state) == (True, "approved")


def test_a_replay_of_a_copay_gives_what_came_of_it(ledger: Ledger) -> None:
    ledger.apply(CopayError(request_id="c1", timestamp=T0))
    for content in (answer(3, priced("a"), refused("b")), answer(3, priced("b"), thousandths=9)):
        ledger.apply(content)
    before = ledger.story("c1", "copay")
    seqs = [seq for (seq,) in ledger.conn.execute("SELECT seq FROM events ORDER BY seq")]
    random.Random(1).shuffle(seqs)
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    assert ledger.story("c1", "copay") == before


def test_the_ten_days_of_a_claim_are_stored_through_a_triage_and_another_claim(ledger: Ledger) -> None:
    claims = [
        OrderClaim(request_id="f1", timestamp=T0 + at, details__medications=[OwedMedication()])
        for at in (0, 4 * DAY)
    ]
    triage = OrderTriage(request_id="f1", timestamp=T0 + 2 * DAY, details__code="T001")
    for content in (claims[0], triage, claims[1]):
        ledger.apply(content)
        story = ledger.story("f1")
        assert (story.stored, story.stored.waiting_since) == (story.folded, T0)
    (deadline,) = ledger.conn.execute("SELECT extract(epoch FROM deadline)::bigint FROM entities").fetchall()
    assert deadline == (T0 + 10 * DAY,)
