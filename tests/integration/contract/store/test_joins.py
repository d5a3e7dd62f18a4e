"""A request that its answer names otherwise than its callbacks do is one entity, whatever came first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, permutations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ops.tracking import track
from settings import Database
from store.db.connections import connect
from store.ledger import feed
from store.ledger.registration import Registered
from tests.integration.contract.store.test_aliases import left_open
from tests.integration.contract.workers.test_apply import T0, Counting
from tests.support.factories import CopaySuccess, PriorAuth, Transfer
from tests.support.ledger import Ledger
from workers.apply.batch import apply_queued
from workers.apply.join_registered import join_left
from workers.apply.replay import replay

Body = dict[str, Any]
KIND = "prior_auth"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBERS = count()


class Case:
    """One prior authorization: the two names of it, its tokens, its answer and its callbacks."""

    def __init__(self, ledger: Ledger, **tokens: str) -> None:
        n = next(NUMBERS)
        self.ledger = ledger
        self.bare, self.answered = f"{n:029x}", f"prior_auth_{n:020x}"
        self.tokens = {
            "patient_token": f"pat{n}",
            "prescription_token": f"rx{n}",
            "insurance_token": f"ins{n}",
            "metadata": f"mine-{n}",
            **tokens,
        }

    def answer(self, **changed: Any) -> Body:
        details = {"message": "Your prior authorization request was taken.", **self.tokens}
        answer = {"request_id": self.answered, "timestamp": T0, "status": "success", "details": details}
        return {**answer, **changed}

    def track(
        self, conn: Any = None, *, now: datetime = NOW, key: str | None = None, **given: Any
    ) -> Registered:
        given.setdefault("answer", self.answer())
        hashed = self.ledger.tools.keyed_hash
        return track(conn or self.ledger.conn, hashed, KIND, key or self.answered, now=now, **given)

    def news(self, status: str = "new", after: int = 0) -> Body:
        details = {f"details__{name}": value for name, value in self.tokens.items()}
        return dict(PriorAuth(request_id=self.bare, status=status, timestamp=T0 + after, **details))

    def hear(self, *statuses: str) -> None:
        self.ledger.apply(*[self.news(status, 60 * n) for n, status in enumerate(statuses)])


def keys(ledger: Ledger) -> list[str]:
    return [key for (key,) in ledger.conn.execute("SELECT key FROM entities ORDER BY key")]


def aliases(ledger: Ledger) -> list[tuple[str, str]]:
    return ledger.conn.execute("SELECT alias, key FROM aliases ORDER BY alias").fetchall()


def registration(ledger: Ledger, key: str) -> datetime | None:
    row = ledger.conn.execute("SELECT registered_at FROM entities WHERE key = %s", (key,)).fetchone()
    assert row is not None
    at: datetime | None = row[0]
    return at


def told(ledger: Ledger) -> list[tuple[str, str | None, str]]:
    feed.place(ledger.conn)
    return [(change.key, change.before, change.after) for change in feed.read(ledger.conn, 0, 100)]


@pytest.fixture
def case(ledger: Ledger) -> Case:
    return Case(ledger)


def assert_joined(ledger: Ledger, case: Case, state: str) -> None:
    story = ledger.story(case.bare, KIND)
    assert (story.stored.state, story.stored) == (state, story.folded)
    assert keys(ledger) == [case.bare]
    assert aliases(ledger) == [(case.answered, case.bare)]
    assert registration(ledger, case.bare) == NOW


@pytest.mark.parametrize("status", ["new", "submitted", "approved"])
@pytest.mark.parametrize("first", ["registration", "callback"])
def test_a_registration_and_a_callback_of_one_request_are_one_entity(
    ledger: Ledger, case: Case, first: str, status: str
) -> None:
    if first == "registration":
        case.track()
    case.hear(status)
    if first == "callback":
        found = case.track()
        assert (found.key, found.state, found.registered, found.known) == (case.bare, status, True, True)
    assert_joined(ledger, case, status)
    assert ledger.count("changes_unplaced") == 1
    assert told(ledger) == [(case.bare, None, status)]


def test_what_was_registered_before_its_first_callback_keeps_its_names(ledger: Ledger, case: Case) -> None:
    case.track(metadata="another of mine")
    case.hear("new")
    row = ledger.conn.execute(
        "SELECT array_agg(domain ORDER BY domain), count(DISTINCT entity_id) FROM postings"
    ).fetchone()
    domains = ["insurance", "metadata", "metadata", "patient", "prescription", "request", "request"]
    assert row == (domains, 1)


def test_a_registration_that_the_feed_has_told_goes_on_under_the_key_of_its_callbacks(
    ledger: Ledger, case: Case
) -> None:
    case.track()
    assert told(ledger) == [(case.answered, None, "new")]
    before = feed.newest(ledger.conn)
    case.hear("submitted")
    assert told(ledger) == [(case.bare, None, "new"), (case.bare, "new", "submitted")]
    assert [one.cursor > before for one in feed.read(ledger.conn, before, 9)] == [True]


def test_a_first_callback_that_says_nothing_new_is_no_change_once_the_feed_has_told_of_it(
    ledger: Ledger, case: Case
) -> None:
    case.track()
    told(ledger)
    case.hear("new")
    assert told(ledger) == [(case.bare, None, "new")]


def test_two_registrations_with_the_same_names_are_both_left_until_a_person_says_which(
    ledger: Ledger,
) -> None:
    one = Case(ledger)
    other = Case(ledger, **one.tokens)
    one.track()
    other.track()
    one.hear("approved")
    assert join_left(ledger.conn) == 0
    assert keys(ledger) == sorted([one.bare, one.answered, other.answered])

    found = one.track(key=one.bare, aliases=[other.answered], answer=None)
    assert (found.key, found.state, found.registered) == (one.bare, "approved", False)
    assert keys(ledger) == sorted([one.bare, one.answered])
    assert aliases(ledger) == [(other.answered, one.bare)]
    other.hear("declined")  # what is left of each is one, and so is joined
    assert keys(ledger) == sorted([one.bare, other.bare])
    assert sorted(aliases(ledger)) == sorted([(other.answered, one.bare), (one.answered, other.bare)])


def test_a_registration_that_may_be_one_of_two_that_were_heard_is_left(ledger: Ledger) -> None:
    one = Case(ledger)
    other = Case(ledger, **one.tokens)
    one.hear("approved")
    other.hear("declined")
    found = one.track()
    assert (found.key, found.state) == (one.answered, "new")
    assert join_left(ledger.conn) == 0
    assert len(keys(ledger)) == 3


@pytest.mark.parametrize("name", ["patient_token", "prescription_token", "insurance_token"])
@pytest.mark.parametrize("first", ["registration", "callback"])
def test_two_of_the_three_names_join_nothing(ledger: Ledger, first: str, name: str) -> None:
    one = Case(ledger)
    other = Case(ledger, **{**one.tokens, name: "another"})
    for work in (one.track, lambda: other.hear("new"))[:: 1 if first == "registration" else -1]:
        work()
    assert join_left(ledger.conn) == 0
    assert keys(ledger) == sorted([one.answered, other.bare])


def test_other_metadata_tell_two_requests_apart(ledger: Ledger) -> None:
    one = Case(ledger)
    other = Case(ledger, **{**one.tokens, "metadata": "of a copay"})
    one.track()
    other.hear("new")
    assert join_left(ledger.conn) == 0
    one.hear("approved")
    assert keys(ledger) == sorted([one.bare, other.bare])
    assert aliases(ledger) == [(one.answered, one.bare)]


def test_what_was_heard_before_the_partner_accepted_the_request_is_another(
    ledger: Ledger, case: Case
) -> None:
    """Such as one that a copay has started, and that was declined before somebody asked again."""
    case.hear("declined")
    ledger.conn.execute("UPDATE entities SET first_seen = first_seen - interval '11 minutes'")
    now = datetime.now(UTC)
    found = case.track(answer=case.answer(timestamp=int(now.timestamp())), now=now)
    assert (found.key, found.state) == (case.answered, "new")
    assert join_left(ledger.conn) == 0
    assert keys(ledger) == sorted([case.bare, case.answered])
    again = case.track(answer=case.answer(timestamp=int(now.timestamp()) - 600), now=now)
    assert (again.key, again.state) == (case.bare, "declined")


def test_what_callbacks_name_as_the_answer_does_is_not_joined_with_another(
    ledger: Ledger, case: Case
) -> None:
    case.track()
    ledger.apply({**case.news("submitted"), "request_id": case.answered})
    case.hear("approved")
    assert join_left(ledger.conn) == 0
    assert ledger.story(case.answered, KIND).stored.state == "submitted"
    assert ledger.story(case.bare, KIND).stored.state == "approved"


def test_the_request_brings_the_names_where_there_is_no_answer(ledger: Ledger, case: Case) -> None:
    case.hear("pending")
    assert case.track(answer=None, request=case.tokens).key == case.bare


def test_the_answer_given_with_the_callbacks_name_tells_the_other_one(ledger: Ledger, case: Case) -> None:
    case.track()
    case.track(key=case.bare)
    case.hear("approved")
    assert_joined(ledger, case, "approved")


@pytest.mark.parametrize("order", list(permutations(["bare", "answered", "heard"])))
def test_registrations_under_either_name_without_a_word_of_the_other_are_joined(
    ledger: Ledger, case: Case, order: tuple[str, ...]
) -> None:
    for what in order:
        if what == "heard":
            case.hear("approved")
        elif what == "bare":
            case.track(key=case.bare, answer=None, now=NOW + timedelta(hours=1))
        else:
            case.track()
    join_left(ledger.conn)
    assert_joined(ledger, case, "approved")
    other = Case(ledger, **case.tokens)
    other.track()
    assert keys(ledger) == sorted([case.bare, other.answered])  # one answer's name is enough


def test_any_request_that_was_registered_under_another_name_of_it_is_joined_when_a_person_says_so(
    ledger: Ledger,
) -> None:
    """Of every kind: here a copay under the token of its record, as its answer prints it too."""
    keyed_hash = ledger.tools.keyed_hash
    track(ledger.conn, keyed_hash, "copay", "cop1", metadata="mine", now=NOW)
    ledger.apply(CopaySuccess(request_id="c1", timestamp=T0))
    found = track(ledger.conn, keyed_hash, "copay", "c1", aliases=["cop1"], now=NOW + timedelta(hours=1))
    assert (found.key, found.state, found.registered) == ("c1", "completed", False)
    assert (keys(ledger), registration(ledger, "c1")) == (["c1"], NOW)
    assert told(ledger) == [("c1", None, "completed")]


def test_a_registered_fill_is_not_given_up_for_a_name_that_was_mistyped(ledger: Ledger) -> None:
    keyed_hash = ledger.tools.keyed_hash
    for key, aliases in (("f2", ()), ("f1", ("f2",))):
        track(ledger.conn, keyed_hash, "fill_request", key, aliases=aliases, now=NOW)
    assert keys(ledger) == ["f1", "f2"]


def test_what_a_pull_brings_of_before_the_request_is_another_one(ledger: Ledger, case: Case) -> None:
    """A first pull goes back for weeks: what it brings is received now and happened long before."""
    case.track()
    ledger.apply(case.news("approved", -2 * 86_400), via="pull")
    assert keys(ledger) == [case.bare, case.answered]


def test_what_was_heard_of_is_never_given_up(ledger: Ledger) -> None:
    keyed_hash = ledger.tools.keyed_hash
    for key in ("c1", "c2"):
        track(ledger.conn, keyed_hash, "copay", key, now=NOW)
        ledger.apply(CopaySuccess(request_id=key, timestamp=T0))
    track(ledger.conn, keyed_hash, "copay", "c1", aliases=["c2"], now=NOW)
    assert keys(ledger) == ["c1", "c2"]


def test_a_poll_of_what_is_gone_is_forgotten(ledger: Ledger, case: Case) -> None:
    case.track()
    ledger.conn.execute(
        "INSERT INTO lookups (entity_id, looked_at, next_at, state, fruitless) "
        "SELECT id, now(), now(), 'new', 1 FROM entities"
    )
    case.hear("new")
    assert ledger.count("lookups") == 0


def test_an_approval_goes_to_the_copay_after_the_two_are_one(ledger: Ledger, case: Case) -> None:
    """And so it does when its events are read anew."""
    copay = dict(CopaySuccess(request_id="c1", timestamp=T0 - 60))
    line = {name: case.tokens[name] for name in ("prescription_token", "insurance_token")}
    copay["details"] = {"patient_token": case.tokens["patient_token"], "prescriptions": [line]}
    ledger.apply(copay)
    case.track()
    case.hear("approved")
    ledger.settle()
    signals = [step.fact.signal for step in ledger.story("c1", "copay").steps]
    assert "pa:approved" in signals
    seqs = [seq for (seq,) in ledger.conn.execute("SELECT seq FROM events WHERE partner = 'truepill'")]
    replay(ledger.conn, seqs, ledger.tools, dry_run=False)
    ledger.settle()
    assert [step.fact.signal for step in ledger.story("c1", "copay").steps] == signals
    assert_joined_among(ledger, case)


def assert_joined_among(ledger: Ledger, case: Case) -> None:
    assert keys(ledger) == sorted([case.bare, "c1"])
    assert aliases(ledger) == [(case.answered, case.bare)]


def test_a_batch_looks_once_where_it_made_one_and_never_else(ledger: Ledger, case: Case) -> None:
    def statements(*bodies: Body) -> int:
        counting = Counting(ledger.conn)
        apply_queued(counting, ledger.admit(*bodies), ledger.tools)  # type: ignore[arg-type]
        return counting.statements

    others = [Case(ledger) for _ in range(3)]
    assert statements(dict(Transfer(request_id="t1", timestamp=T0))) == 4
    assert statements(case.news("new")) == statements(*[other.news("new") for other in others]) == 4
    assert statements(case.news("submitted", 60)) == 3
    registered = Case(ledger)
    registered.track()
    assert statements(registered.news("new")) > 4


# --- Any order, and two at once ----------------------------------------------------------------------------

ARRIVALS = ("track", "track again", "track by the callbacks' name", "new", "submitted", "approved")


def arrive(case: Case, what: str) -> None:
    if what == "track":
        case.track(now=NOW)
    elif what == "track again":
        case.track(now=NOW + timedelta(hours=3))
    elif what == "track by the callbacks' name":
        case.track(key=case.bare, now=NOW + timedelta(hours=5))
    else:
        place = ARRIVALS.index(what)
        case.ledger.apply(case.news(what, 60 * place))


@pytest.mark.parametrize("statuses", [("new",), ("new", "approved"), ("submitted", "declined")])
def test_every_order_of_registrations_and_callbacks_gives_one_entity(
    ledger: Ledger, statuses: tuple[str, ...]
) -> None:
    for order in permutations(["first", "second", *statuses]):
        case = Case(ledger)
        for what in order:
            if what in statuses:
                ledger.apply(case.news(what, 60 * statuses.index(what)))
            else:
                case.track(now=NOW + timedelta(hours=what == "second"))
        story = ledger.story(case.bare, KIND)
        assert (story.stored.state, story.stored) == (statuses[-1], story.folded)
        row = ledger.conn.execute(
            "SELECT count(*), min(registered_at) FROM entities WHERE key = ANY(%s)",
            ([case.bare, case.answered],),
        ).fetchone()
        assert row == (1, NOW), order


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(whats=["new", "track", "track again"], read=[True, True, True])
@given(
    whats=st.lists(st.sampled_from(ARRIVALS), min_size=2, max_size=8).filter(
        lambda whats: "track" in whats and {"new", "submitted", "approved"} & set(whats)
    ),
    read=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_any_order_any_number_of_times_is_one_state_one_entity_one_registration(
    ledger: Ledger, whats: list[str], read: list[bool]
) -> None:
    case = Case(ledger)
    heard: dict[int, tuple[str, str | None, str]] = {}
    cursor = feed.newest(ledger.conn)
    for what, reads in zip(whats, read, strict=False):
        arrive(case, what)
        if reads:  # somebody follows the feed
            feed.place(ledger.conn)
            for change in feed.read(ledger.conn, cursor, 100):
                heard[change.cursor] = (change.key, change.before, change.after)
                cursor = change.cursor
    feed.place(ledger.conn)
    for change in feed.read(ledger.conn, cursor, 100):
        heard[change.cursor] = (change.key, change.before, change.after)
    last = max((what for what in whats if what in ARRIVALS[3:]), key=ARRIVALS.index)
    story = ledger.story(case.bare, KIND)
    assert (story.stored.state, story.stored) == (last, story.folded)
    rows = ledger.conn.execute(
        "SELECT key, registered_at FROM entities WHERE key = ANY(%s)", ([case.bare, case.answered],)
    ).fetchall()
    assert rows == [(case.bare, NOW)]
    assert ledger.conn.execute("SELECT key FROM aliases WHERE alias = %s", (case.answered,)).fetchall() == [
        (case.bare,)
    ]
    # The feed tells one story: it begins once, and each change begins where the one before it ended.
    steps = [heard[at] for at in sorted(heard)]
    assert [before for _, before, _ in steps] == [None, *[after for _, _, after in steps[:-1]]]
    assert steps[-1][2] == last
    assert [step[0] for step in steps if step[0] not in (case.bare, case.answered)] == []


@pytest.mark.parametrize("first", ["registration", "callback"])
def test_two_that_commit_at_once_and_miss_each_other_are_joined_by_the_sweep(
    database: Database, ledger: Ledger, case: Case, first: str
) -> None:
    seqs = ledger.admit(case.news("approved"))
    works: list[Callable[[Any], object]] = [case.track, partial(apply_queued, seqs=seqs, tools=ledger.tools)]
    if first == "callback":
        works.reverse()
    with (
        connect(database, "first") as one,
        connect(database, "second") as two,
        left_open(one, lambda: works[0](one)),
    ):
        works[1](two)  # it waits for nobody
    assert keys(ledger) == sorted([case.bare, case.answered])
    assert join_left(ledger.conn) == 1
    assert_joined(ledger, case, "approved")
    assert join_left(ledger.conn) == 0


def test_who_registers_a_request_while_it_is_joined_registers_the_one_that_is_left(
    database: Database, ledger: Ledger, case: Case
) -> None:
    case.track()
    seqs = ledger.admit(case.news("approved"))
    found: list[Registered] = []
    with connect(database, "first") as one, connect(database, "second") as two:
        again = threading.Thread(target=lambda: found.append(case.track(two)))
        with left_open(one, lambda: apply_queued(one, seqs, ledger.tools)):
            again.start()
            again.join(0.3)
            assert again.is_alive(), "it did not wait for the one that joins"
        again.join(10)
    assert [(one.key, one.state) for one in found] == [(case.bare, "approved")]
    assert_joined(ledger, case, "approved")


@pytest.mark.parametrize("busy", ["its name", "its row"])
def test_a_batch_does_not_wait_for_who_uses_the_registered_one(
    database: Database, ledger: Ledger, case: Case, busy: str
) -> None:
    case.track()
    seqs = ledger.admit(case.news("approved"))
    held: dict[str, Callable[[Any], object]] = {
        "its name": case.track,
        "its row": lambda conn: conn.execute("SELECT FROM entities FOR UPDATE"),
    }
    with connect(database, "first") as one, connect(database, "second") as two:
        batch = threading.Thread(target=apply_queued, args=(two, seqs, ledger.tools))
        with left_open(one, lambda: held[busy](one)):
            batch.start()
            batch.join(10)
            assert not batch.is_alive(), "it waits"
    assert keys(ledger) == sorted([case.bare, case.answered])
    assert join_left(ledger.conn) == 1
    assert_joined(ledger, case, "approved")


def test_registrations_and_batches_side_by_side_leave_one_entity_of_each(
    database: Database, ledger: Ledger
) -> None:
    cases = [Case(ledger) for _ in range(25)]
    batches = [ledger.admit(case.news("new"), case.news("approved", 60)) for case in cases]
    failures: list[BaseException] = []

    def register() -> None:
        try:
            with connect(database, "test") as conn:
                for case in cases:
                    case.track(conn)
        except psycopg.Error as error:
            failures.append(error)

    def apply() -> None:
        try:
            with connect(database, "test") as conn:
                for seqs in batches:
                    apply_queued(conn, seqs, ledger.tools)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for work in (register, apply, register)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    join_left(ledger.conn)
    assert keys(ledger) == sorted(case.bare for case in cases)
    assert {ledger.story(case.bare, KIND).stored.state for case in cases} == {"approved"}
    assert {registration(ledger, case.bare) for case in cases} == {NOW}
