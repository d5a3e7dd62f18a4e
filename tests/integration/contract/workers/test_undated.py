"""News without a time, and under whichever name: one fact, dated by its first receipt, of one payment."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from store.ledger import aliases, feed
from store.ledger.facts import facts_of
from store.ledger.model import FactRow
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Body, Ledger
from tests.support.payments import HEALNOW, callback, order, prescription, record
from workers.apply.replay import replay
from workers.apply.reread import reread

ID, EID = "BWCTLvfzTklvXmCu", "fill_1:rx_a"
NAMED: dict[str, Any] = {"rx_number": "120143", "order_id": "o1"}


def facts(ledger: Ledger, key: str = ID) -> list[FactRow]:
    rows = ledger.conn.execute("SELECT id FROM entities WHERE (kind, key) = ('payment', %s)", (key,))
    return facts_of(ledger.conn, [entity_id for (entity_id,) in rows])


def payments(ledger: Ledger) -> dict[str, str]:
    return dict(ledger.conn.execute("SELECT key, state FROM entities WHERE kind = 'payment'").fetchall())


def other_names(ledger: Ledger) -> set[tuple[str, str]]:
    rows = ledger.conn.execute("SELECT alias, key FROM aliases WHERE kind = 'payment'")
    return {(alias, key) for alias, key in rows}


def push(ledger: Ledger, *bodies: Body, received_at: datetime | None = None) -> None:
    ledger.apply(*bodies, received_at=received_at, **HEALNOW)


def read(ledger: Ledger, *bodies: Body, received_at: datetime | None = None) -> None:
    ledger.apply(*bodies, via="snapshot", partner="healnow", received_at=received_at)


def settle(ledger: Ledger) -> None:
    """What the sweep does: read anew what is doubtful."""
    ledger.settle()
    for _ in range(5):
        stale = aliases.stale_news(ledger.conn, 100)
        if not stale:
            return
        reread(ledger.conn, stale, ledger.tools)
        ledger.settle()
    raise AssertionError("it never settles")


def told(ledger: Ledger) -> list[tuple[str, str | None, str]]:
    feed.place(ledger.conn)
    return [(one.key, one.before, one.after) for one in feed.read(ledger.conn, 0, 1000)]


def test_a_fact_without_a_time_is_dated_by_its_receipt_and_says_so(ledger: Ledger, clock: FixedTime) -> None:
    push(ledger, callback("paid", id=ID))
    (row,) = facts(ledger)
    assert (row.occurred_at, row.undated, row.via) == (int(clock().timestamp()), True, ("push",))
    story = ledger.story(ID, "payment")
    assert (story.stored, story.stored.state, story.stored.since) == (story.folded, "paid", row.occurred_at)


def test_copies_received_earlier_or_later_are_one_fact_of_the_first_receipt(
    ledger: Ledger, clock: FixedTime
) -> None:
    """Three bodies that say the same, in every order in which they are applied."""
    now = clock()
    copies = [(number, now - timedelta(minutes=number)) for number in (0, 30, 90)]
    for turn, copied in enumerate(permutations(copies)):
        id = f"rx{turn}"
        for number, at in copied:
            push(ledger, callback("paid", id=id, note=str(number)), received_at=at)
        (row,) = facts(ledger, id)
        assert row.occurred_at == int((now - timedelta(minutes=90)).timestamp())
        assert (len(row.events), row.received_at) == (3, now - timedelta(minutes=90))
        story = ledger.story(id, "payment")
        assert (story.stored, story.stored.since) == (story.folded, row.occurred_at)


def test_an_equal_body_is_a_copy_and_after_ten_minutes_the_same_fact_all_the_same(
    ledger: Ledger, clock: FixedTime
) -> None:
    first = int(clock().timestamp())
    body = callback("paid", id=ID)
    push(ledger, body)
    clock.advance(minutes=5)
    assert ledger.admit(body, **HEALNOW) == []
    clock.advance(minutes=20)
    assert ledger.apply(body, **HEALNOW).applied == 1
    (row,) = facts(ledger)
    seqs = [seq for (seq,) in ledger.conn.execute("SELECT seq FROM events WHERE partner = 'healnow'")]
    assert (row.occurred_at, len(row.events), len(seqs)) == (first, 1, 1)
    for _ in range(2):
        assert not any(m.change.changed for m in replay(ledger.conn, seqs, ledger.tools, dry_run=False).moved)
    assert [row.occurred_at for row in facts(ledger)] == [first]


def test_a_push_and_the_record_are_two_facts_in_either_order(ledger: Ledger, clock: FixedTime) -> None:
    for number, push_first in enumerate((True, False)):
        id = f"rx{number}"
        for pushed in (push_first, not push_first):
            clock.advance(minutes=1)
            if pushed:
                push(ledger, callback("paid", id=id))
            else:
                read(ledger, record("prescription", prescription(id, "paid")))
        story = ledger.story(id, "payment")
        assert (story.stored, story.stored.state) == (story.folded, "paid")
        assert sorted(step.verdict for step in story.steps) == ["confirmed", "moved"]


# One payment's news under its several names: the record alone has the id.
BY_EID = callback("pending", eid=EID)
BY_ORDER = callback("paid", eid=EID, **NAMED)
RECORD = record("order", order("o1", prescription(ID, eid=EID, rx_number="120143", refill_number=None)))
NEWS: list[tuple[Body, bool]] = [(BY_EID, True), (BY_ORDER, True), (RECORD, False)]


@pytest.mark.parametrize("order_of", list(permutations(range(3))))
def test_names_that_fall_back_end_as_one_payment_under_its_id(
    ledger: Ledger, clock: FixedTime, order_of: tuple[int, ...]
) -> None:
    began = int(clock().timestamp())
    for place in order_of:
        body, pushed = NEWS[place]
        (push if pushed else read)(ledger, body)
        told(ledger)
        clock.advance(minutes=1)
    settle(ledger)

    assert payments(ledger) == {ID: "paid"}
    aliased = other_names(ledger)
    assert (EID, ID) in aliased
    assert {key for _, key in aliased} == {ID}
    story = ledger.story(ID, "payment")
    assert story.stored == story.folded
    signals = {row.signal: row for row in facts(ledger)}
    assert set(signals) == {"payment:pending", "payment:paid", "seen:paid"}
    # Each is dated by when it came, whatever entity it was taken for then.
    names = ("payment:pending", "payment:paid", "seen:paid")
    assert [signals[names[place]].occurred_at - began for place in order_of] == [0, 60, 120]
    assert (ledger.reasons(), ledger.queued()) == ([], [])
    # The feed ends where the payment stands, and tells of nobody else.
    changes = told(ledger)
    assert {key for key, _, _ in changes} == {ID}
    assert changes[-1][2] == "paid"


def test_what_was_received_twice_keeps_its_first_receipt_when_it_turns_out_to_be_anothers(
    ledger: Ledger, clock: FixedTime
) -> None:
    began = int(clock().timestamp())
    body = callback("paid", eid=EID)
    push(ledger, body)
    clock.advance(minutes=30)
    push(ledger, body)
    assert payments(ledger) == {EID: "paid"}
    clock.advance(minutes=30)
    read(ledger, record("prescription", prescription(ID, eid=EID)))
    push(ledger, body)
    settle(ledger)
    assert payments(ledger) == {ID: "paid"}
    assert {row.signal: row.occurred_at - began for row in facts(ledger)} == {
        "payment:paid": 0,
        "seen:pending": 3600,
    }


def test_news_by_an_eid_that_two_records_have_stays_by_itself(ledger: Ledger) -> None:
    """Either may be meant, in every order; and a record's own news goes to it all the same."""
    news: list[tuple[Body, bool]] = [
        (callback("paid", eid="shared"), True),
        (record("prescription", prescription("rx1", eid="shared")), False),
        (record("prescription", prescription("rx2", eid="shared")), False),
    ]
    for number, ordered in enumerate(permutations(news)):
        ledger.conn.execute("TRUNCATE events, bodies, queue, entities, facts, event_facts, postings, aliases")
        ledger.conn.execute("TRUNCATE alias_names, alias_news, quarantine, changes, changes_unplaced")
        for body, pushed in ordered:
            (push if pushed else read)(ledger, body)
            told(ledger)
        settle(ledger)
        assert payments(ledger) == {"rx1": "pending", "rx2": "pending", "shared": "paid"}, number
        assert len(told(ledger)) >= 3


def kept(ledger: Ledger) -> list[FactRow]:
    """The payment's facts but for what is sealed anew each time."""
    return sorted(row._replace(detail=None) for row in facts(ledger))


def test_a_replay_of_everything_changes_nothing(ledger: Ledger, clock: FixedTime) -> None:
    for body, pushed in NEWS:
        (push if pushed else read)(ledger, body)
        clock.advance(minutes=15)
        push(ledger, BY_EID)
    settle(ledger)
    before = (payments(ledger), other_names(ledger), kept(ledger))
    seqs = [seq for (seq,) in ledger.conn.execute("SELECT seq FROM events ORDER BY seq DESC")]
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    settle(ledger)
    assert (payments(ledger), other_names(ledger), kept(ledger)) == before
