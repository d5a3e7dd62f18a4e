"""What one entity means for another: rechecks, the facts that they state, and how these are taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import Database
from statemachine import DERIVATIONS, MACHINES, Fact, Summary
from statemachine.clocks import deadline
from store.db.connections import connect
from store.inbox.model import ClaimedCopy
from store.ledger import derivations, rechecks
from store.ledger.model import DERIVED, OURS, SealedRecheck
from store.ledger.registration import register
from tests.integration.contract.workers.test_apply import T0
from tests.support.backends import somebody_waits
from tests.support.factories import (
    CopayError,
    CopaySuccess,
    CopayTriage,
    OrderSuccess,
    PricedPrescription,
    PriorAuth,
    RefusedPrescription,
)
from tests.support.ledger import Ledger
from tests.support.workers import until
from workers.apply.batch import apply_queued, apply_rechecks
from workers.apply.read import read_batch
from workers.apply.replay import replay

SOON = 300
KEYS = (f"derived-{n}" for n in count())
Body = dict[str, Any]


class Case:
    """Names of one patient, prescription and insurance, and news that carries them."""

    def __init__(self) -> None:
        name = next(KEYS)
        self.pa, self.copay = f"{name}-pa", f"{name}-copay"
        self.names = {
            "patient_token": f"{name}-pat",
            "prescription_token": f"{name}-rx",
            "insurance_token": f"{name}-ins",
        }

    def prior_auth(self, at: int, status: str, **other: str) -> Body:
        details = {f"details__{field}": value for field, value in {**self.names, **other}.items()}
        return dict(PriorAuth(request_id=self.pa, timestamp=T0 + at, status=status, **details))

    def triage(self, at: int, code: str = "CT003") -> Body:
        body = dict(CopayTriage(request_id=self.copay, timestamp=T0 + at, details__code=code))
        return self._named(body, [{"prescription_token": self.names["prescription_token"]}])

    def rejected(self, at: int) -> Body:
        body = dict(CopayError(request_id=self.copay, timestamp=T0 + at, details__error_code="PA_REQUIRED"))
        return self._named(body, [{"prescription_token": self.names["prescription_token"]}])

    def cancelled(self, at: int) -> Body:
        body = self.rejected(at)
        return {**body, "details": {**body["details"], "error_code": "CUSTOMER_CANCELLATION_REQUEST"}}

    def success(self, at: int, *, refused: bool = False) -> Body:
        line = RefusedPrescription if refused else PricedPrescription
        token = self.names["prescription_token"]
        return self._named(
            dict(CopaySuccess(request_id=self.copay, timestamp=T0 + at)),
            [dict(line(prescription_token=token))],
        )

    def _named(self, body: Body, prescriptions: list[Body]) -> Body:
        lines = [{**line, "insurance_token": self.names["insurance_token"]} for line in prescriptions]
        details = {**body["details"], "patient_token": self.names["patient_token"], "prescriptions": lines}
        return {**body, "details": details}


@pytest.fixture
def case() -> Case:
    return Case()


def told(ledger: Ledger, case: Case) -> list[tuple[str, str, tuple[str, ...]]]:
    """The copay's history: signal, verdict and via of each fact."""
    story = ledger.story(case.copay, "copay")
    assert story.stored == story.folded
    via = {
        signal: tuple(via)
        for signal, via in ledger.conn.execute(
            "SELECT signal, via FROM facts f JOIN entities e ON e.id = f.entity_id WHERE e.key = %s",
            (case.copay,),
        )
    }
    return [(step.fact.signal, str(step.verdict), via[step.fact.signal]) for step in story.steps]


def deadline_of(ledger: Ledger, case: Case) -> int | None:
    row = ledger.conn.execute(
        "SELECT extract(epoch FROM deadline)::bigint FROM entities WHERE (kind, key) = ('copay', %s)",
        (case.copay,),
    ).fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0]) - T0


APPROVED = ("pa:approved", "confirmed", ("derived",))


@pytest.mark.parametrize(
    ("waiting", "state", "signal"),
    [("triage", "triage", "copay:triage"), ("rejected", "rejected", "copay:rejected")],
)
def test_an_approval_makes_the_answer_of_a_copay_due_and_does_not_complete_it(
    ledger: Ledger, case: Case, waiting: str, state: str, signal: str
) -> None:
    ledger.apply(getattr(case, waiting)(0))
    ledger.apply(case.prior_auth(10, "submitted"))
    assert ledger.queued() == []
    done = ledger.apply(case.prior_auth(60, "approved"))
    assert list(done.rechecks) == ledger.queued() != []
    ledger.settle()
    assert told(ledger, case) == [(signal, "moved", ("push",)), APPROVED]
    assert ledger.story(case.copay, "copay").stored.state == state
    assert deadline_of(ledger, case) == 60 + SOON

    ledger.apply(case.success(65))
    ledger.settle()
    assert ledger.story(case.copay, "copay").stored.state == "completed"
    assert deadline_of(ledger, case) is None


def test_an_approval_that_is_known_first_is_found_by_the_copay(ledger: Ledger, case: Case) -> None:
    ledger.apply(case.prior_auth(60, "approved"))
    ledger.settle()
    ledger.apply(case.triage(0))
    ledger.settle()
    assert told(ledger, case) == [("copay:triage", "moved", ("push",)), APPROVED]
    assert deadline_of(ledger, case) == 60 + SOON


def test_a_line_that_was_rejected_is_due_and_a_full_answer_waits_for_nothing(ledger: Ledger) -> None:
    refused, full = Case(), Case()
    ledger.apply(refused.success(0, refused=True), full.success(0))
    ledger.apply(refused.prior_auth(60, "approved"), full.prior_auth(60, "approved"))
    ledger.settle()
    assert (deadline_of(ledger, refused), deadline_of(ledger, full)) == (60 + SOON, None)
    assert told(ledger, refused) == told(ledger, full) == [("copay:success", "moved", ("push",)), APPROVED]
    ledger.apply(refused.success(70))
    assert deadline_of(ledger, refused) is None


def test_what_was_called_off_does_not_wait_for_an_approval(ledger: Ledger, case: Case) -> None:
    ledger.apply(case.cancelled(0), case.prior_auth(60, "approved"))
    ledger.settle()
    assert told(ledger, case)[1] == ("pa:approved", "late", ("derived",))
    assert deadline_of(ledger, case) is None
    assert ledger.story(case.copay, "copay").stored.review is None


@pytest.mark.parametrize("status", ["cancelled", "declined", "appealed"])
@pytest.mark.parametrize("at", [70, 50])
def test_an_approval_that_holds_no_more_is_taken_back(
    ledger: Ledger, case: Case, status: str, at: int
) -> None:
    """After the approval as well as before it, where it changes what the approval meant, or nothing."""
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"))
    ledger.settle()
    ledger.apply(case.prior_auth(at, status))
    ledger.settle()
    overcome = at == 50 and status != "cancelled"
    assert told(ledger, case) == [("copay:triage", "moved", ("push",)), *([APPROVED] if overcome else [])]
    assert deadline_of(ledger, case) == (60 + SOON if overcome else 3 * 86_400)
    (stated,) = ledger.conn.execute(
        "SELECT count(*) FROM event_facts WHERE callback_type = 'DERIVED'"
    ).fetchall()
    assert stated == (int(overcome),)


def test_all_three_names_are_wanted_and_any_number_of_copays_is_reached(ledger: Ledger, case: Case) -> None:
    second, stranger = Case(), Case()
    second.names = case.names
    stranger.names = {**case.names, "insurance_token": "another"}
    ledger.apply(
        case.triage(0), second.triage(0), stranger.triage(0), OrderSuccess(timestamp=T0, request_id="fill")
    )
    ledger.apply(case.prior_auth(60, "approved"))
    ledger.settle()
    assert [len(told(ledger, one)) for one in (case, second, stranger)] == [2, 2, 1]


def test_a_name_that_too_many_carry_ties_nobody(
    ledger: Ledger, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivations, "CROWD", 2)
    others = [Case(), Case()]
    for one in others:
        one.names = case.names
    ledger.apply(*(one.triage(0) for one in (case, *others)), case.prior_auth(60, "approved"))
    ledger.settle()
    assert len(told(ledger, case)) == 1


def test_a_search_goes_from_name_to_name_whatever_the_statistics_say(ledger: Ledger) -> None:
    (one,) = [one for one in DERIVATIONS if one.cause == "prior_auth"]
    ledger.apply(*[OrderSuccess(request_id=f"only fills {n}".replace(" ", "-")) for n in range(300)])
    ledger.conn.execute("ANALYZE entities, postings")
    cases = [Case() for _ in range(300)]
    ledger.apply(*[body for case in cases for body in (case.prior_auth(0, "new"), case.triage(1))])
    ids = [
        entity_id
        for (entity_id,) in ledger.conn.execute(
            "SELECT id FROM entities WHERE kind = 'prior_auth' AND key = ANY(%s)",
            ([case.pa for case in cases[:3]],),
        )
    ]
    with ledger.conn.transaction():
        read = read_rows(ledger, "entities")
        found = derivations.sharing(ledger.conn, ids, "copay", one.by)
        read = read_rows(ledger, "entities") - read
    assert sorted(row.key for _, row in found) == sorted(case.copay for case in cases[:3])
    assert read <= 30


def read_rows(ledger: Ledger, table: str) -> int:
    """How many rows of a table this transaction has read so far."""
    row = ledger.conn.execute(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
        "WHERE relname = %s",
        (table,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_two_approvals_of_one_second_are_two_facts(ledger: Ledger, case: Case) -> None:
    second = Case()
    second.names = case.names
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"), second.prior_auth(60, "approved"))
    ledger.settle()
    assert told(ledger, case)[1:] == [APPROVED, APPROVED]
    ledger.apply(second.prior_auth(70, "cancelled"))
    ledger.settle()
    assert told(ledger, case)[1:] == [APPROVED]


def test_a_look_is_an_event_like_any_other_whatever_happens_to_its_cause(ledger: Ledger, case: Case) -> None:
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"))
    ledger.settle()
    ledger.apply(case.prior_auth(70, "cancelled"))
    ledger.settle()
    rows = ledger.conn.execute(
        "SELECT uuid_send(e.id), b.sealed FROM events e JOIN bodies b USING (seq, received_at) "
        "WHERE e.partner = 'rxledger' AND e.via = 'derived'"
    ).fetchall()
    assert len({name for name, _ in rows}) == 1
    name, sealed = rows[-1]
    body = ledger.tools.sealer.unseal(sealed, name)
    assert orjson.loads(body) == {"derivation": "copay_after_approval", "cause": ["prior_auth", case.pa]}
    assert name == ledger.tools.keyed_hash.event_id("rxledger", "derived", "", body)


def test_replaying_a_copay_reads_its_look_anew(ledger: Ledger, case: Case) -> None:
    (triage,) = ledger.admit(case.triage(0))
    apply_queued(ledger.conn, [triage], ledger.tools)
    ledger.apply(case.prior_auth(60, "approved"))
    ledger.settle()
    before = told(ledger, case)
    ledger.conn.execute("UPDATE facts SET due = NULL WHERE signal = 'pa:approved'")
    replay(ledger.conn, [triage], ledger.tools, dry_run=False)
    assert told(ledger, case) == before
    assert deadline_of(ledger, case) == 60 + SOON


def test_replaying_an_approval_looks_at_it_again(ledger: Ledger, case: Case) -> None:
    """So what was applied before there were derived facts gets them by a replay."""
    ledger.apply(case.triage(0))
    (approval,) = ledger.admit(case.prior_auth(60, "approved"))
    apply_queued(ledger.conn, [approval], ledger.tools)
    ledger.conn.execute("DELETE FROM queue")
    assert replay(ledger.conn, [approval], ledger.tools, dry_run=True).moved != []
    assert ledger.queued() == []
    replay(ledger.conn, [approval], ledger.tools, dry_run=False)
    ledger.settle()
    assert told(ledger, case)[1:] == [APPROVED]


def test_a_look_that_was_queued_as_a_copy_is_a_look_all_the_same(ledger: Ledger, case: Case) -> None:
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"))
    ledger.conn.execute("UPDATE queue SET look = false")
    done = apply_queued(ledger.conn, ledger.queued(), ledger.tools)
    assert list(done.rechecks) == ledger.queued()
    ledger.settle()
    assert told(ledger, case)[1:] == [APPROVED]


def test_a_look_by_a_rule_that_this_version_does_not_know_waits_for_one_that_does(ledger: Ledger) -> None:
    body = orjson.dumps({"derivation": "of_tomorrow", "cause": ["copay", "c"]})
    name = ledger.tools.keyed_hash.event_id(OURS, DERIVED, "", body)
    sealed = SealedRecheck(name, ledger.tools.sealer.seal(body, name))
    (seq,) = rechecks.queue_rechecks(ledger.conn, [sealed], ledger.tools.clock())
    assert apply_rechecks(ledger.conn, [seq], ledger.tools).quarantined == 1
    assert (ledger.reasons(), ledger.queued()) == (["no_reader"], [])


def test_a_copay_that_is_registered_after_an_approval_waits_on_its_own_clock(
    ledger: Ledger, case: Case
) -> None:
    """An approval of last week makes no request of today late; one after the registration does."""
    ledger.apply(case.prior_auth(60, "approved"))
    ledger.settle()
    registered = ledger.tools.clock()
    links = [
        ("request", case.copay),
        *((field.removesuffix("_token"), value) for field, value in case.names.items()),
    ]
    register(ledger.conn, ledger.tools.keyed_hash, "copay", case.copay, links=links, now=registered)
    assert ledger.queued() != []
    ledger.settle()
    assert told(ledger, case) == [APPROVED]
    assert deadline_of(ledger, case) == int(registered.timestamp()) - T0 + 86_400

    at = int(registered.timestamp()) - T0 + 100
    ledger.apply(case.prior_auth(60, "cancelled"), case.prior_auth(at, "new"))
    second = Case()
    second.names = case.names
    ledger.apply(second.prior_auth(at, "approved"))
    ledger.settle()
    assert deadline_of(ledger, case) == at + SOON


def test_a_look_waits_for_a_copay_that_searched_before_the_approval_was_committed(
    database: Database, ledger: Ledger, case: Case
) -> None:
    """Neither transaction sees the other's rows; the recheck is what brings them together."""
    copay = ledger.admit(case.triage(0))
    approval = ledger.admit(case.prior_auth(60, "approved"))
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    with connect(database, "test") as other, connect(database, "test") as third:
        with other.transaction():
            apply_queued(other, copay, ledger.tools)
            (recheck,) = apply_queued(ledger.conn, approval, ledger.tools).rechecks
            thread = threading.Thread(target=partial(apply_rechecks, third, [recheck], ledger.tools))
            thread.start()
            until(lambda: ledger.conn.execute(waiting).fetchone() == (True,), "the recheck did not wait")
        thread.join(30)
    assert told(ledger, case)[1:] == [APPROVED]
    assert ledger.queued() == []


def test_a_look_that_is_queued_anew_while_it_is_applied_stays_queued(
    database: Database, ledger: Ledger, case: Case
) -> None:
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"))
    (recheck,) = ledger.queued()
    cancelled = ledger.admit(case.prior_auth(70, "cancelled"))
    with connect(database, "test") as other:
        with other.transaction():
            assert apply_rechecks(other, [recheck], ledger.tools).applied == 1
            thread = threading.Thread(target=partial(apply_queued, ledger.conn, cancelled, ledger.tools))
            thread.start()
            until(partial(_blocked, database), "the cancellation did not wait")
        thread.join(30)
    assert told(ledger, case)[1:] == [APPROVED]
    assert ledger.queued() == [recheck]
    ledger.settle()
    assert told(ledger, case)[1:] == []


def test_a_replay_waits_for_a_look_that_is_applied_and_holds_nothing_that_it_needs(
    database: Database, ledger: Ledger, case: Case
) -> None:
    ledger.apply(case.triage(0), case.prior_auth(60, "approved"))
    (recheck,) = ledger.queued()
    with connect(database, "test") as other, ThreadPoolExecutor(1) as threads:
        with other.transaction():
            rechecks.lock_rechecks(other, [recheck])
            replaying = threads.submit(replay, ledger.conn, [recheck], ledger.tools, dry_run=False)
            until(partial(_blocked, database), "the replay did not wait")
            assert apply_rechecks(other, [recheck], ledger.tools).applied == 1
        replaying.result(30)
    ledger.settle()
    assert told(ledger, case)[1:] == [APPROVED]


def _blocked(database: Database) -> bool:
    with connect(database, "test") as conn:
        return somebody_waits(conn)


def in_memory(ledger: Ledger, bodies: Iterable[Body]) -> dict[tuple[str, str], Summary]:
    """Every entity's state by its own facts and by what its causes mean for it: no tables, no order."""
    taken = []
    for n, body in enumerate(bodies):
        arrival = ledger.arrival(body)
        taken.append(ClaimedCopy(n, arrival.id, "truepill", "push", arrival.received_at, arrival.sealed))
    read = read_batch(taken, ledger.tools)
    assert read.quarantined == []
    facts = {name: [statement.fact for statement in stated] for name, stated in read.stated_facts.items()}
    causes = {key: MACHINES[kind].fold(facts[kind, key])[0] for kind, key in facts if kind == "prior_auth"}
    (rule,) = DERIVATIONS
    for key, summary in causes.items():
        for at, signal, due in rule.implies(summary):
            for (kind, _), known in facts.items():
                if kind == rule.effect:
                    known.append(Fact(at, signal, None, key.encode(), (), due))
    return {name: MACHINES[name[0]].fold(known)[0] for name, known in facts.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_any_split_of_both_sides_news_gives_the_same_states(
    ledger: Ledger, data: st.DataObject
) -> None:
    """Two authorizations and two copays of one prescription; rechecks at any time, or at the end."""
    first, second = Case(), Case()
    second.names = first.names
    seconds = st.integers(0, 6)
    statuses = st.sampled_from(["new", "approved", "cancelled", "appealed"])
    news = st.sampled_from(["triage", "rejected", "cancelled", "success"])
    bodies: list[Body] = []
    for case in (first, second):
        drawn = data.draw(st.lists(st.tuples(seconds, statuses), max_size=4))
        bodies += [case.prior_auth(at, status) for at, status in drawn]
        drawn = data.draw(st.lists(st.tuples(seconds, news), min_size=1, max_size=3))
        bodies += [getattr(case, what)(at) for at, what in drawn]
    arrivals = data.draw(st.permutations(bodies))
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        apply_queued(ledger.conn, ledger.admit(*batch), ledger.tools)
        if data.draw(st.booleans()):
            ledger.settle()
    ledger.settle()
    for (kind, key), state in in_memory(ledger, bodies).items():
        story = ledger.story(key, kind)
        assert story.stored == story.folded == state
        stands = ledger.conn.execute(
            "SELECT extract(epoch FROM deadline)::bigint FROM entities WHERE (kind, key) = (%s, %s)",
            (kind, key),
        ).fetchone()
        assert stands == (deadline(MACHINES[kind], state, None),)


def test_workers_that_apply_both_sides_at_once_end_in_the_same_states(
    database: Database, ledger: Ledger
) -> None:
    """Every pair of cases shares its names, and batches cut across all; no worker is a deadlock's victim."""
    random = Random(7)
    pairs = [(Case(), Case()) for _ in range(20)]
    bodies: dict[int, list[Body]] = {}
    for number, (first, second) in enumerate(pairs):
        second.names = first.names
        statuses = ("new", "approved", "cancelled", "approved")
        told = [case.prior_auth(at, random.choice(statuses)) for case in (first, second) for at in range(4)]
        told += [case.triage(0) for case in (first, second)] + [first.rejected(2), second.success(3)]
        bodies[number] = told
    every = [body for told in bodies.values() for body in told]
    seqs = ledger.admit(*random.sample(every, len(every)))
    batches = [seqs[start : start + 7] for start in range(0, len(seqs), 7)]

    def work(number: int) -> None:
        with connect(database, "test") as conn:
            for batch in batches[number::4]:
                found = apply_queued(conn, batch, ledger.tools).rechecks
                while found:
                    found = apply_rechecks(conn, found, ledger.tools).rechecks

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    ledger.settle()
    for told in bodies.values():
        for (kind, key), state in in_memory(ledger, told).items():
            assert ledger.story(key, kind).stored == state
