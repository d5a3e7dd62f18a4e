"""News that names its entity by another name alone: waiting for the name, finding it, and doubting it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ops.tracking import track
from settings import Database, Settings
from statemachine import MACHINES
from store.db.connections import connect
from store.inbox import queue
from store.inbox.model import ClaimedCopy
from store.ledger import aliases
from store.ledger.facts import facts_of
from store.ledger.model import EntityRow, FactRow, summary_of
from tests.integration.contract.workers.test_apply import T0, Counting
from tests.support.backends import somebody_waits, variables
from tests.support.factories import CopaySuccess, CopayTriage, DirectTransfer, Transfer, TransferContact
from tests.support.keys import KEY_SETTINGS
from tests.support.ledger import Ledger, every_text
from workers.apply.batch import apply_queued
from workers.apply.model import Applied
from workers.apply.plan import plan
from workers.apply.read import read_batch
from workers.apply.replay import replay
from workers.celery.runtime import Runtime
from workers.celery.tasks import reconsider

Body = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKENS = (f"tok-{n}" for n in count())


def contact(key: str | None, token: str, after: int = 0, **details: Any) -> Body:
    """An attempt to reach the pharmacy; with a key it tells whose the token is."""
    told = {f"details__{name}": value for name, value in details.items()}
    return dict(TransferContact(request_id=key, timestamp=T0 + after, details__transfer_token=token, **told))


def done(key: str | None, token: str | None, after: int = 100, code: str = "NO_REFILLS") -> Body:
    """The transfer's success, in which one medication was rejected. Copies differ in the code of that."""
    lines = [
        {"prescription_token": "rx1", "transfer_medication_token": "m1"},
        {"transfer_medication_token": "m2", "rejection_message": code},
    ]
    body = dict(Transfer(request_id=key, timestamp=T0 + after, details__medications=lines))
    return body if token is None else {**body, "details": {**body["details"], "transfer_token": token}}


def settle(ledger: Ledger) -> None:
    """What the workers do in time: apply what is queued, read anew what is doubtful."""
    for _ in range(10):
        if not (ledger.queued() or aliases.stale_news(ledger.conn, 100)):
            return
        apply_queued(ledger.conn, ledger.queued(), ledger.tools)
        for seq in aliases.stale_news(ledger.conn, 100):
            replay(ledger.conn, [seq], ledger.tools, dry_run=False)
    raise AssertionError("it never settles")


def state(ledger: Ledger, key: str, kind: str = "transfer") -> str:
    story = ledger.story(key, kind)
    assert story.stored == story.folded
    return story.stored.state


def waiting(ledger: Ledger) -> list[tuple[str, str]]:
    rows = ledger.conn.execute("SELECT callback_type, detail FROM quarantine WHERE reason = 'unmatched'")
    return sorted(rows.fetchall())


def test_news_under_an_unknown_name_waits_and_is_applied_when_the_name_is_learned(ledger: Ledger) -> None:
    assert ledger.apply(done(None, "tok1")) == Applied(0, 1, ())
    assert waiting(ledger) == [("TRANSFER", "transfer tok1")]
    learned = ledger.apply(contact("t1", "tok1"))
    assert (learned.applied, list(learned.woken)) == (1, ledger.queued())
    assert [due.seq for due in queue.sweep(ledger.conn, 10)] == list(learned.woken)
    settle(ledger)
    assert (state(ledger, "t1"), ledger.reasons()) == ("completed", [])
    assert ledger.count("entities") == 1


@pytest.mark.parametrize("first", ["name", "news"])
def test_a_name_learned_in_the_same_batch_is_known_whatever_the_order(ledger: Ledger, first: str) -> None:
    batch = [contact("t1", "tok1"), done(None, "tok1")]
    seqs = ledger.admit(*(batch if first == "name" else batch[::-1]))
    assert apply_queued(ledger.conn, seqs, ledger.tools) == Applied(2, 0, ())
    assert state(ledger, "t1") == "completed"


@pytest.mark.parametrize(
    ("kind", "taught", "news"),
    [
        (
            "direct_transfer",
            DirectTransfer(request_id="k1", status="error", timestamp=T0, details__direct_transfer_token="a"),
            DirectTransfer(
                callback_type="DIRECT_TRANSFER_V2",
                request_id=None,
                timestamp=T0 + 1,
                details__direct_transfer_token=None,
                details__direct_transfer_id="a",
            ),
        ),
        (
            "copay",
            CopayTriage(request_id="k1", timestamp=T0, details__copay_token="a"),
            CopaySuccess(request_id=None, timestamp=T0 + 1, copay_request_token="a"),
        ),
    ],
)
def test_each_kind_that_has_other_names_is_found_by_any_field_of_them(
    ledger: Ledger, kind: str, taught: Body, news: Body
) -> None:
    ledger.apply(news)
    assert ledger.reasons() == ["unmatched"]
    ledger.apply(taught)
    settle(ledger)
    assert len(ledger.story("k1", kind).steps) == 2
    assert (ledger.count("entities"), ledger.reasons()) == (1, [])


def test_a_name_of_one_kind_is_none_of_another(ledger: Ledger) -> None:
    ledger.apply(CopayTriage(request_id="c1", timestamp=T0, details__copay_token="tok1"), done(None, "tok1"))
    settle(ledger)
    assert waiting(ledger) == [("TRANSFER", "transfer tok1")]


def test_registering_a_request_with_its_token_queues_what_waited_for_it(ledger: Ledger) -> None:
    ledger.apply(done(None, "tok1"))
    track(ledger.conn, ledger.tools.keyed_hash, "transfer", "t1", aliases=["tok1"], now=NOW)
    assert len(queue.sweep(ledger.conn, 10)) == 1
    settle(ledger)
    assert (state(ledger, "t1"), ledger.reasons()) == ("completed", [])


def test_a_replay_that_reads_a_name_queues_what_waited_for_it(ledger: Ledger) -> None:
    """As after an upgrade that reads a field as a name which the version before passed over."""
    (taught,) = ledger.admit(contact("t1", "tok1"))
    apply_queued(ledger.conn, [taught], ledger.tools)
    ledger.conn.execute("TRUNCATE aliases, alias_names")
    ledger.apply(done(None, "tok1"))
    assert ledger.reasons() == ["unmatched"]
    replay(ledger.conn, [taught], ledger.tools, dry_run=True)
    assert (ledger.reasons(), ledger.queued()) == (["unmatched"], [])
    replay(ledger.conn, [taught], ledger.tools, dry_run=False)
    settle(ledger)
    assert (state(ledger, "t1"), ledger.reasons()) == ("completed", [])


@pytest.mark.parametrize("first", ["name", "news"])
def test_a_name_that_two_claim_is_nobodys_and_what_was_taken_for_the_first_is_taken_back(
    ledger: Ledger, first: str
) -> None:
    batches = [contact("t1", "tok1"), done(None, "tok1")]
    for body in batches if first == "name" else batches[::-1]:
        ledger.apply(body)
    settle(ledger)
    assert state(ledger, "t1") == "completed"
    ledger.apply(contact("t2", "tok1", after=50))
    settle(ledger)
    assert (state(ledger, "t1"), state(ledger, "t2")) == ("contacting", "contacting")
    assert waiting(ledger) == [("TRANSFER", "transfer tok1: claimed by more than one")]
    ledger.apply(contact("t3", "tok1", after=60))
    assert ledger.queued() == []


def test_the_content_of_a_fact_goes_back_to_the_copy_that_is_left(ledger: Ledger) -> None:
    """The pushed copy, by a token, is preferred over the pulled one; once the token is doubtful it is not."""
    ledger.apply(contact("t1", "tok1"), done(None, "tok1", code="RX_EXPIRED"))
    ledger.apply(done("t1", None, code="RX_NO_REFILLS"), via="pull")

    def code() -> str | None:
        return ledger.story("t1", "transfer").steps[-1].fact.lines[1].code

    assert code() == "RX_EXPIRED"
    ledger.apply(contact("t2", "tok1"))
    settle(ledger)
    assert code() == "RX_NO_REFILLS"


def test_names_of_one_body_that_lead_to_two_entities_lead_to_none(ledger: Ledger) -> None:
    both = {**done(None, "tok1"), "url_token": "tok2"}
    ledger.apply(both, contact("t1", "tok1"))
    assert state(ledger, "t1") == "completed"
    ledger.apply(contact("t2", "tok2"))
    settle(ledger)
    assert (state(ledger, "t1"), state(ledger, "t2")) == ("contacting", "contacting")
    assert waiting(ledger) == [("TRANSFER", "transfer tok1, tok2: claimed by more than one")]


def test_doubtful_news_whose_body_is_gone_stays_where_it_was(ledger: Ledger) -> None:
    (seq,) = ledger.admit(done(None, "tok1"))
    apply_queued(ledger.conn, [seq, *ledger.admit(contact("t1", "tok1"))], ledger.tools)
    ledger.conn.execute("DELETE FROM bodies WHERE seq = %s", (seq,))
    ledger.apply(contact("t2", "tok1"))
    settle(ledger)
    assert state(ledger, "t1") == "completed"


def test_news_that_a_later_version_reads_by_its_key_is_doubted_no_more(ledger: Ledger) -> None:
    (seq,) = ledger.admit(done("t1", "tok1"))
    apply_queued(ledger.conn, [seq], ledger.tools)
    ledger.conn.execute("INSERT INTO alias_news VALUES (%s, 'transfer', 'tok1', 't1', true)", (seq,))
    assert aliases.stale_news(ledger.conn, 10) == [seq]
    settle(ledger)
    assert (state(ledger, "t1"), ledger.count("alias_news")) == ("completed", 0)


def test_the_sweeper_reads_doubtful_news_anew(database: Database, ledger: Ledger) -> None:
    worker = Runtime(
        Settings.load(
            {
                **variables(database),
                **KEY_SETTINGS,
                "RXLEDGER_DATA": "/nonexistent",
            }
        )
    )
    ledger.apply(contact("t1", "tok1"), done(None, "tok1"))
    ledger.apply(contact("t2", "tok1"))
    try:
        reconsider(worker)
    finally:
        worker.drop()
    assert (state(ledger, "t1"), ledger.reasons()) == ("contacting", ["unmatched"])
    assert aliases.stale_news(ledger.conn, 10) == []


def test_only_the_token_stands_in_the_clear(ledger: Ledger) -> None:
    ledger.apply(done(None, "tok1", code="Jane Canary"), contact(None, "tok2", contact_name="Jane Canary"))
    tables = ("quarantine", "alias_names", "alias_news", "aliases", "queue")
    assert "Canary" not in every_text(ledger.conn, tables)


def test_the_number_of_statements_does_not_grow_with_the_news(ledger: Ledger) -> None:
    def statements(size: int) -> int:
        bodies = [
            body
            for n in range(size)
            for body in (contact(f"{size}-{n}", f"tok{size}-{n}"), done(None, f"tok{size}-{n}"))
        ]
        counting = Counting(ledger.conn)
        apply_queued(counting, ledger.admit(*bodies), ledger.tools)  # type: ignore[arg-type]
        return counting.statements

    few, many = statements(2), statements(40)
    assert statements(80) == many <= 16
    assert few <= many


def test_a_batch_without_other_names_asks_for_none(ledger: Ledger) -> None:
    seqs = ledger.admit(dict(Transfer(request_id="t1", timestamp=T0)))
    counting = Counting(ledger.conn)
    apply_queued(counting, seqs, ledger.tools)  # type: ignore[arg-type]
    assert counting.statements == 4  # take, claim, write, and ask which payments it concerns


# --- Two transactions that see nothing of each other -------------------------------------------------------


@contextmanager
def left_open(conn: psycopg.Connection[Any], work: Callable[[], object]) -> Iterator[None]:
    """The work is done and not committed until the block ends."""
    with conn.transaction():
        work()
        yield


def at_once(
    database: Database, ledger: Ledger, first: Callable[[Any], object], second: Callable[[Any], object]
) -> None:
    """`second` runs while `first` is done but not committed; it has to wait for it."""
    with connect(database, "first") as one, connect(database, "second") as two:
        thread = threading.Thread(target=second, args=(two,))
        with left_open(one, lambda: first(one)):
            thread.start()
            end = time.monotonic() + 10
            while not somebody_waits(ledger.conn) and thread.is_alive():
                assert time.monotonic() < end, "the second transaction neither waits nor ends"
            assert thread.is_alive(), "the second transaction did not wait for the first"
        thread.join()


@pytest.mark.parametrize("first", ["name", "news"])
@pytest.mark.parametrize("by", ["callback", "registration"])
def test_a_name_and_its_news_that_commit_at_once_find_each_other(
    database: Database, ledger: Ledger, first: str, by: str
) -> None:
    (news,) = ledger.admit(done(None, "tok1"))
    (name,) = ledger.admit(contact("t1", "tok1"))

    def tell(conn: Any) -> None:
        if by == "callback":
            apply_queued(conn, [name], ledger.tools)
        else:
            track(conn, ledger.tools.keyed_hash, "transfer", "t1", aliases=["tok1"], now=NOW)

    def hear(conn: Any) -> None:
        apply_queued(conn, [news], ledger.tools)

    at_once(database, ledger, *((tell, hear) if first == "name" else (hear, tell)))
    settle(ledger)
    assert (state(ledger, "t1"), ledger.reasons()) == ("completed", [])


def test_a_second_claim_and_news_that_commit_at_once_leave_nothing_with_the_first(
    database: Database, ledger: Ledger
) -> None:
    ledger.apply(contact("t1", "tok1"))
    (news,) = ledger.admit(done(None, "tok1"))
    (rival,) = ledger.admit(contact("t2", "tok1"))

    def hear(conn: Any) -> Applied:
        return apply_queued(conn, [news], ledger.tools)

    def claim(conn: Any) -> Applied:
        return apply_queued(conn, [rival], ledger.tools)

    at_once(database, ledger, hear, claim)
    settle(ledger)
    assert (state(ledger, "t1"), ledger.reasons()) == ("contacting", ["unmatched"])


def test_workers_that_share_names_neither_deadlock_nor_leave_news_waiting(
    database: Database, ledger: Ledger
) -> None:
    keys = [f"t{n}" for n in range(40)]
    bodies = [body for key in keys for body in (contact(key, f"tok-{key}"), done(None, f"tok-{key}"))]
    seqs = ledger.admit(*bodies, *[contact(None, f"tok-{key}", after=60) for key in keys])
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        mine = Random(seed).sample(seqs, len(seqs))
        try:
            with connect(database, "test") as conn:
                for start in range(0, len(mine), 7):
                    apply_queued(conn, mine[start : start + 7], ledger.tools)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    settle(ledger)
    assert ledger.reasons() == []
    assert {state(ledger, key) for key in keys} == {"completed"}
    assert {len(ledger.story(key, "transfer").steps) for key in keys} == {3}


# --- Any order of arrival ----------------------------------------------------------------------------------

#: What may come, by name: two requests may both claim one token, and the first one has another for itself.
ARRIVALS: dict[str, Callable[[str, str], tuple[str, Body]]] = {
    "first claims": lambda key, tok: ("push", contact(f"{key}-1", tok)),
    "first claims another": lambda key, tok: ("push", contact(f"{key}-1", f"{tok}-x", after=5)),
    "second claims": lambda key, tok: ("push", contact(f"{key}-2", tok, after=10)),
    "success by token": lambda key, tok: ("push", done(None, tok, code="RX_EXPIRED")),
    "success by key": lambda key, tok: ("pull", done(f"{key}-1", None, code="RX_NO_REFILLS")),
    "contact by token": lambda key, tok: ("push", contact(None, tok, after=20)),
    "contact by either": lambda key, tok: (
        "push",
        {**contact(None, tok, after=30), "url_token": f"{tok}-x"},
    ),
    "first is registered": lambda key, tok: ("track", {"request_id": f"{key}-1", "alias": tok}),
    "late by the other token": lambda key, tok: ("push", contact(None, f"{tok}-x", after=200)),
}


def told(rows: list[FactRow]) -> list[tuple[object, ...]]:
    """Facts without what every sealing makes anew, and when they were received."""
    return sorted(
        (*row[1:6], json.loads(row.lines or "[]"), row.via, row.events, row.preferred, row.preferred_via)
        for row in rows
    )


def in_memory(ledger: Ledger, copies: list[tuple[str, Body]], key: str) -> tuple[Any, list[Any], int]:
    """What one request comes to when everything is known at once, and how many copies are nobody's."""
    taken = []
    claims: dict[str, set[str]] = {}
    for n, (via, body) in enumerate(copies):
        if via == "track":
            claims.setdefault(body["alias"], set()).add(body["request_id"])
            continue
        one = ledger.arrival(body, via=via)
        taken.append(ClaimedCopy(n, one.id, "truepill", via, one.received_at, one.sealed))
    read = read_batch(taken, ledger.tools)
    for (_, claimant), stated in read.stated_facts.items():
        for statement in stated:
            for alias in statement.aliases:
                claims.setdefault(alias, set()).add(claimant)
    mine = list(read.stated_facts.get(("transfer", key), []))
    unmatched = 0
    for nameless in read.unaddressed:
        keys = set().union(*[claims.get(alias, set()) for alias in nameless.stated_fact.aliases])
        unmatched += len(keys) != 1
        mine += [nameless.stated_fact] if keys == {key} else []
    machine = MACHINES["transfer"]
    blank = EntityRow(0, "transfer", key, machine.initial, None, None, None, None, None)
    change = plan(machine, blank, [], mine)
    return tuple(summary_of(change.entity)), told(change.inserted), unmatched


some_in_any_order = st.lists(st.sampled_from(sorted(ARRIVALS)), min_size=2, max_size=8, unique=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(names=["first claims", "success by token", "second claims"], data=None)
@given(names=some_in_any_order, data=st.data())
def test_state_is_a_function_of_what_came_and_never_of_when_a_name_was_learned(
    ledger: Ledger, names: list[str], data: st.DataObject | None
) -> None:
    key = token = next(TOKENS)
    copies = [ARRIVALS[name](key, token) for name in names]
    left = list(copies)
    while left:
        size = data.draw(st.integers(1, len(left))) if data else 1
        batch, left = left[:size], left[size:]
        for via, body in batch:
            if via == "track":
                keyed_hash, request, alias = ledger.tools.keyed_hash, body["request_id"], body["alias"]
                track(ledger.conn, keyed_hash, "transfer", request, aliases=[alias], now=NOW)
        seqs = [seq for via, body in batch if via != "track" for seq in ledger.admit(body, via=via)]
        apply_queued(ledger.conn, seqs, ledger.tools)
        if data and data.draw(st.booleans()):
            settle(ledger)
    settle(ledger)
    for request in (f"{key}-1", f"{key}-2"):
        expected, facts, unmatched = in_memory(ledger, copies, request)
        row = ledger.conn.execute("SELECT id FROM entities WHERE key = %s", (request,)).fetchone()
        if row is None:
            assert facts == []
            continue
        story = ledger.story(request, "transfer")
        assert tuple(story.stored) == expected
        assert story.stored == story.folded
        assert told(facts_of(ledger.conn, [row[0]])) == facts
    held = ledger.conn.execute(
        "SELECT count(DISTINCT seq) FROM quarantine JOIN alias_news USING (seq) WHERE alias = ANY(%s)",
        ([token, f"{token}-x"],),
    ).fetchone()
    assert held == (unmatched,)
