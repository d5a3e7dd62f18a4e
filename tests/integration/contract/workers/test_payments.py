"""What payments are for, and what that means for fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from random import Random

import pytest

from store.ledger.entities import ids_of
from store.ledger.registration import register
from tests.support.ledger import Ledger
from tests.support.paid_fills import T0, Case, paid_for
from workers.apply.batch import apply_rechecks
from workers.apply.cover_fills import standings

DAY = 86_400


def push(ledger: Ledger, *bodies: object) -> None:
    """What HealNow sends."""
    ledger.apply(*bodies, partner="healnow")  # type: ignore[arg-type]


def read(ledger: Ledger, *bodies: bytes) -> None:
    """What is read from HealNow."""
    ledger.apply(*bodies, partner="healnow", via="snapshot")


def signals(ledger: Ledger, key: str, kind: str = "fill_request") -> list[str]:
    return [step.fact.signal for step in ledger.story(key, kind).steps]


def joined(ledger: Ledger, case: Case) -> list[tuple[str, str, str, int | None, str]]:
    return [row for row in paid_for(ledger) if row[2] == case.fill]


def test_a_payment_ends_the_wait_of_the_fill_that_its_eid_names(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    assert ledger.state(case.fill) == "awaiting_payment"
    push(ledger, case.webhook("paid", eid=case.fill))
    ledger.settle()
    assert joined(ledger, case) == [(case.fill, "fill_request", case.fill, 0, "eid")]
    story = ledger.story(case.fill)
    assert story.stored.state == "pending"
    assert story.stored.waiting_since is None
    assert story.stored == story.folded


def test_a_payment_that_comes_first_waits_for_its_fill(ledger: Ledger) -> None:
    case = Case(1000)
    push(ledger, case.webhook("paid"))
    ledger.settle()
    assert joined(ledger, case) == []
    ledger.apply(case.claim(at=int(ledger.tools.clock().timestamp())))
    ledger.settle()
    assert ledger.state(case.fill) == "pending"
    assert [row[3:] for row in joined(ledger, case)] == [(0, "eid")]


def test_half_of_what_is_owed_does_not_end_the_wait(ledger: Ledger) -> None:
    case = Case(1000, 500)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid", 0))
    ledger.settle()
    assert ledger.state(case.fill) == "awaiting_payment"
    push(ledger, case.webhook("moto", 1))
    ledger.settle()
    assert ledger.state(case.fill) == "pending"
    push(ledger, case.webhook("manually_canceled", 1))
    ledger.settle()
    assert ledger.state(case.fill) == "awaiting_payment", "what was called off pays nothing"


def test_the_customers_metadata_will_do_as_an_eid(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid", eid=case.metadata))
    ledger.settle()
    assert ledger.state(case.fill) == "pending"


def test_an_rx_number_leads_through_its_prescription_where_the_price_is_what_is_owed(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    read(ledger, case.paid_order(eid=case.uuid))
    ledger.settle()
    assert joined(ledger, case) == []
    ledger.apply(case.record(), via="snapshot")
    ledger.settle()
    assert joined(ledger, case) == [(case.ids[0], "fill_request", case.fill, 0, "prescription")]
    assert ledger.state(case.fill) == "pending"


def test_another_refill_of_the_same_rx_number_is_another_fill(ledger: Ledger) -> None:
    case = Case(1000)
    again = f"{case.fill}_again"
    ledger.apply(
        case.order(T0), case.order(T0 + 30 * DAY, again, refill="1"), case.claim(T0 + 29 * DAY, again)
    )
    read(ledger, case.paid_order(eid=case.uuid, refill_number="1"))
    ledger.settle()
    assert [row[2:] for row in paid_for(ledger) if row[0] == case.ids[0]] == [(again, 0, "rx_number")]


def test_lines_of_one_rx_number_are_told_apart_by_the_price(ledger: Ledger) -> None:
    case = Case(1000, 500, rx_numbers=("77000001", "77000001"))
    ledger.apply(case.claim())
    ledger.apply(case.record(0), case.record(1), via="snapshot")
    read(
        ledger,
        case.prescription("paid", 0, eid=f"{case.uuid}a"),
        case.prescription("paid", 1, eid=f"{case.uuid}b"),
    )
    ledger.settle()
    assert {row[3] for row in joined(ledger, case)} == {0, 1}
    assert ledger.state(case.fill) == "pending"


def test_where_nothing_tells_two_lines_apart_a_person_is_asked(ledger: Ledger) -> None:
    case = Case(1000, 1000, rx_numbers=("77000002", "77000002"))
    ledger.apply(case.claim())
    ledger.apply(case.record(0), case.record(1), via="snapshot")
    read(ledger, case.prescription("paid", 0, eid=case.uuid))
    ledger.settle()
    assert joined(ledger, case) == []
    story = ledger.story(case.ids[0], "payment")
    assert story.stored.review is not None
    assert "payment:ambiguous" in story.stored.review
    assert story.stored == story.folded
    assert ledger.state(case.fill) == "awaiting_payment"


def test_two_fills_that_fit_equally_are_for_a_person_whichever_came_first(ledger: Ledger) -> None:
    case = Case(1000)
    other = f"{case.fill}_other"
    ledger.apply(case.claim())
    ledger.apply(case.record(), via="snapshot")
    read(ledger, case.prescription("paid", eid=case.uuid))
    ledger.settle()
    assert len(joined(ledger, case)) == 1
    ledger.apply(case.claim(fill=other))
    ledger.settle()
    assert [row for row in paid_for(ledger) if row[0] == case.ids[0]] == []
    assert ledger.story(case.ids[0], "payment").stored.review is not None
    assert ledger.state(case.fill) == "awaiting_payment"
    ledger.apply(case.error(T0 + 60, "R0", other))


def test_a_claim_that_asks_more_waits_anew(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid"))
    ledger.settle()
    later = int(ledger.tools.clock().timestamp()) + 60
    case.prices = (1500,)
    ledger.apply(case.claim(later))
    ledger.settle()
    assert ledger.state(case.fill) == "awaiting_payment"
    case.prices = (1000,)
    ledger.apply(case.claim(later + 1))
    ledger.settle()
    assert ledger.state(case.fill) == "pending"
    assert ledger.story(case.fill).folded == ledger.story(case.fill).stored


def test_what_was_paid_for_a_reversed_claim_is_put_before_a_person(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid"))
    ledger.settle()
    ledger.apply(case.error(int(ledger.tools.clock().timestamp()) + 60, "R028"))
    ledger.settle()
    stored = ledger.story(case.fill).stored
    assert stored.state == "cancelled"
    assert stored.review is not None
    assert "payment:stranded" in stored.review


def test_the_fill_that_carries_a_payment_on_has_it_and_the_old_ones_reversal_is_expected(
    ledger: Ledger,
) -> None:
    case = Case(1000)
    carrier = f"{case.fill}_carrier"
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid"))
    ledger.settle()
    links = [("request", carrier), ("prescription", case.tokens[0])]
    register(
        ledger.conn,
        ledger.tools.keyed_hash,
        "fill_request",
        carrier,
        links=links,
        relations=[("refers_to", case.fill)],
        now=ledger.tools.clock(),
    )
    ledger.settle()
    assert "payment:known" in signals(ledger, carrier)
    assert "payment:known" not in signals(ledger, case.fill)
    ledger.apply(case.error(int(ledger.tools.clock().timestamp()) + 60, "R028"))
    ledger.settle()
    stored = ledger.story(case.fill).stored
    assert (stored.state, stored.review) == ("cancelled", None)
    ledger.apply(case.error(int(ledger.tools.clock().timestamp()) + 90, "R019", carrier))
    ledger.settle()
    assert ledger.story(case.fill).stored.review is not None, "nothing carries it on any more"


def news(case: Case) -> list[tuple[str, str, object]]:
    """One payment's webhooks and records, and its fill's callbacks: (partner, via, body)."""
    return [
        ("truepill", "push", case.claim()),
        ("truepill", "snapshot", case.record()),
        ("healnow", "push", case.webhook("pending", eid=case.uuid)),
        ("healnow", "push", case.webhook("paid", eid=case.uuid)),
        ("healnow", "push", case.webhook("paid", by="rx")),
        ("healnow", "snapshot", case.prescription("paid", eid=case.uuid)),
        ("healnow", "snapshot", case.paid_order(eid=case.uuid)),
    ]


def in_order(ledger: Ledger, order: Sequence[int], *, settled: bool) -> None:
    case = Case(1000)
    told = news(case)
    for place in (*order, *order[:2]):
        partner, via, body = told[place]
        ledger.apply(body, partner=partner, via=via)  # type: ignore[arg-type]
        if settled:
            ledger.settle()
    ledger.settle()
    assert joined(ledger, case) == [(case.ids[0], "fill_request", case.fill, 0, "prescription")], order
    story = ledger.story(case.ids[0], "payment")
    assert (story.stored.state, story.stored.review) == ("paid", None)
    assert story.stored == story.folded
    assert ledger.state(case.fill) == "pending", order
    left = ledger.conn.execute(
        "SELECT key FROM entities WHERE kind = 'payment' AND last_at IS NULL"
    ).fetchall()
    assert left == [], order


@pytest.mark.parametrize("settled", [True, False])
def test_some_orders_of_all_that_is_told_of_a_payment_end_alike(ledger: Ledger, settled: bool) -> None:
    every = list(permutations(range(7)))
    for order in Random(7).sample(every, 12):
        in_order(ledger, order, settled=settled)


@pytest.mark.soak
@pytest.mark.parametrize("settled", [True, False])
def test_every_order_of_all_that_is_told_of_a_payment_ends_alike(ledger: Ledger, settled: bool) -> None:
    for order in permutations(range(7)):
        in_order(ledger, order, settled=settled)


def test_a_payment_under_two_names_pays_once_even_before_they_are_one(ledger: Ledger) -> None:
    case = Case(1000, 1000)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid", 0))
    ledger.settle()
    read(ledger, case.prescription("paid", 0))
    apply_rechecks(ledger.conn, ledger.queued(), ledger.tools)
    both = ledger.conn.execute(
        "SELECT count(*) FROM entities WHERE key = ANY(%s)", ([case.ids[0], case.eid(0)],)
    )
    assert both.fetchone() == (2,)
    (fill_id,) = ids_of(ledger.conn, "fill_request", [case.fill])
    found = standings(ledger.conn, [fill_id], ledger.tools)[fill_id].balance
    assert (found.owed, found.paid) == (2000, 1000)
    ledger.settle()
    assert ledger.state(case.fill) == "awaiting_payment"


def after_now(ledger: Ledger, seconds: int) -> int:
    return int(ledger.tools.clock().timestamp()) + seconds


def refer(ledger: Ledger, later: str, earlier: str) -> None:
    """Register a fill that is asked for in the place of another."""
    register(
        ledger.conn,
        ledger.tools.keyed_hash,
        "fill_request",
        later,
        links=[("request", later)],
        relations=[("refers_to", earlier)],
        now=ledger.tools.clock(),
    )
    ledger.settle()


def test_what_follows_comes_behind_news_with_milliseconds(ledger: Ledger) -> None:
    case = Case(1000)
    push(ledger, case.webhook("paid"))
    ledger.apply({**case.claim(), "timestamp": after_now(ledger, 60) + 0.423})
    ledger.settle()
    assert ledger.state(case.fill) == "pending"
    ledger.apply({**case.error(0, "R028"), "timestamp": after_now(ledger, 90) + 0.423})
    ledger.settle()
    assert ledger.story(case.fill).stored.review is not None


def test_a_payment_of_a_fill_that_was_asked_for_again_is_for_the_one_that_its_eid_names(
    ledger: Ledger,
) -> None:
    case = Case(1200)
    first = f"{case.fill}_first"
    ledger.apply(case.error(T0, "R019", first))
    refer(ledger, case.fill, first)
    ledger.apply(case.claim(T0 + 60))
    push(ledger, case.webhook("paid"))
    ledger.settle()
    assert [row[2] for row in paid_for(ledger) if row[0] == case.eid()] == [case.fill]
    assert ledger.state(case.fill) == "pending"


def test_a_name_that_two_payments_have_pays_nothing_by_itself(ledger: Ledger) -> None:
    case = Case(1000, 500)
    ledger.apply(case.claim())
    shared = {"eid": case.metadata}
    read(ledger, case.prescription("pending", 0, **shared), case.prescription("pending", 1, **shared))
    push(ledger, case.webhook("paid", 0, eid=case.metadata))
    ledger.settle()
    read(ledger, case.paid_order(0, **shared))
    ledger.settle()
    (fill_id,) = ids_of(ledger.conn, "fill_request", [case.fill])
    found = standings(ledger.conn, [fill_id], ledger.tools)[fill_id].balance
    assert (found.owed, found.paid) == (1500, 1000)


@pytest.mark.parametrize("first", ["order", "record"])
def test_the_price_is_that_at_payment_whatever_the_prescription_costs_by_now(
    ledger: Ledger, first: str
) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    copies = {"order": case.paid_order(), "record": case.prescription("paid", price_in_cents=1300)}
    for name in sorted(copies, key=lambda name: name != first):
        read(ledger, copies[name])
    ledger.settle()
    (fill_id,) = ids_of(ledger.conn, "fill_request", [case.fill])
    assert standings(ledger.conn, [fill_id], ledger.tools)[fill_id].balance.paid == 1000


def test_what_was_called_off_is_not_asked_about_any_more(ledger: Ledger) -> None:
    case = Case(1000, 1000, rx_numbers=("77000003", "77000003"))
    ledger.apply(case.claim())
    ledger.apply(case.record(0), case.record(1), via="snapshot")
    read(ledger, case.prescription("paid", 0, eid=case.uuid))
    ledger.settle()
    assert ledger.story(case.ids[0], "payment").stored.review is not None
    read(ledger, case.prescription("canceled", 0, eid=case.uuid))
    ledger.settle()
    assert ledger.story(case.ids[0], "payment").stored.review is None


@pytest.mark.parametrize("last", ["payment", "first", "third"])
def test_money_for_a_fill_that_was_asked_for_three_times_in_vain_is_told(ledger: Ledger, last: str) -> None:
    case = Case(1000)
    second, third = f"{case.fill}_2", f"{case.fill}_3"
    ledger.apply(case.claim())
    refer(ledger, second, case.fill)
    refer(ledger, third, second)
    steps: dict[str, Callable[[], object]] = {
        "payment": lambda: push(ledger, case.webhook("paid")),
        "first": lambda: ledger.apply(case.error(after_now(ledger, 60), "R028")),
        "second": lambda: ledger.apply(case.error(after_now(ledger, 70), "R019", second)),
        "third": lambda: ledger.apply(case.error(after_now(ledger, 80), "R019", third)),
    }
    for name in sorted(steps, key=lambda name: name == last):
        steps[name]()
        ledger.settle()
    assert "payment:stranded" in signals(ledger, case.fill)
    assert "payment:stranded" not in signals(ledger, second)


@pytest.mark.parametrize("turn", [1, -1])
def test_money_is_stranded_since_the_fill_came_to_nothing_whichever_news_came_first(
    ledger: Ledger, turn: int
) -> None:
    case = Case(1000)
    ledger.apply(case.claim())
    push(ledger, case.webhook("paid"))
    ledger.settle()
    at = after_now(ledger, 0)
    for body in [case.error(at + 500, "R019"), case.error(at + 300, "R020")][::turn]:
        ledger.apply(body)
        ledger.settle()
    (stranded,) = [s.fact for s in ledger.story(case.fill).steps if s.fact.signal == "payment:stranded"]
    assert stranded.occurred_at == at + 300


def test_metadata_that_is_the_same_at_every_refill_names_no_other_refill(ledger: Ledger) -> None:
    case = Case(1000)
    ledger.apply(case.claim(), case.order(T0 + 60))
    read(ledger, case.prescription("paid", eid=case.metadata, refill_number="1"))
    ledger.settle()
    assert joined(ledger, case) == []


def test_fills_that_refer_to_each_other_carry_nothing(ledger: Ledger) -> None:
    case = Case(1000)
    other = f"{case.fill}_other"
    ledger.apply(case.claim())
    refer(ledger, other, case.fill)
    refer(ledger, case.fill, other)
    push(ledger, case.webhook("paid"))
    ledger.settle()
    assert ledger.state(case.fill) == "pending"
