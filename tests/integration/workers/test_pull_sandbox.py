"""Pulls against the sandbox: what it pushed, and what it only lets one pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina

from ops.tracking import track
from sandbox.plan import Attempt, Emitted
from sandbox.profile import Profile
from settings import Settings
from store.db.connections import connect
from store.pulls.streams import EVERYTHING, FILL_LIST, FILLS, NOTIFY, REQUESTS, SNAPSHOTS
from tests.integration.sandbox.billing import branded, card, copay, patient_with
from tests.integration.sandbox.test_sandbox_consults import PATH as CONSULTS
from tests.integration.sandbox.test_sandbox_consults import wrapped
from tests.integration.sandbox.test_sandbox_direct_transfers import PATH as DIRECT
from tests.integration.sandbox.test_sandbox_direct_transfers import simulated as direct
from tests.integration.sandbox.test_sandbox_fills import create
from tests.integration.sandbox.test_sandbox_transfers import PATH as TRANSFERS
from tests.integration.sandbox.test_sandbox_transfers import body as transfer
from tests.support.backends import empty, fresh_database
from tests.support.keys import KEY_SETTINGS
from tests.support.ledger import Ledger
from tests.support.sandbox import KEY, Desk, desk
from workers.celery.runtime import tools
from workers.pull.puller import Puller
from workers.pull.run import Report

DAY = 86_400


@pytest.fixture(scope="module")
def pull_url(servers: Any) -> Iterator[str]:
    with fresh_database(servers.database_url) as url:
        yield url


class Side:
    """Our side: a ledger, and pulls from a partner at this address."""

    def __init__(self, database: str, partner: Desk, data: Path, **more: str) -> None:
        self.settings = Settings.load(
            {
                "DATABASE_URL": database,
                **KEY_SETTINGS,
                "RXLEDGER_TRUEPILL_BASE_URL": partner.url,
                "RXLEDGER_TRUEPILL_API_KEY": KEY,
                "RXLEDGER_TRUEPILL_CALLS_PER_MINUTE": "100000",
                "RXLEDGER_PULL_QUIET": "0.01",
                **more,
            },
            data,
        )
        self.conn = connect(database, "test")
        empty(self.conn)
        self.ledger = Ledger(
            self.conn, tools(self.settings, lambda: datetime.fromtimestamp(partner.time[0], UTC))
        )

    def pull(self, *names: str) -> dict[str, Report]:
        """Read these streams, or all, once the time has passed for which a request must be quiet."""
        self.conn.execute("UPDATE lookups SET next_at = next_at - interval '1 s'")
        self.conn.execute("UPDATE entities SET first_seen = first_seen - interval '1 s'")
        with self.puller() as puller:
            found = {name: puller.pull(name) for name in names or puller.names()}
        self.ledger.settle()
        return found

    def puller(self) -> Puller:
        return Puller(self.settings, self.conn, self.ledger.tools, patience=5.0, hint=lambda _: None)

    def push(self, callbacks: list[Any]) -> None:
        self.ledger.apply(*callbacks)
        self.ledger.settle()

    def states(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, state in self.conn.execute("SELECT kind, state FROM entities ORDER BY kind, state"):
            found.setdefault(kind, []).append(state)
        return found

    def ways(self) -> dict[str, set[tuple[str, ...]]]:
        """By kind: the ways in which its facts came."""
        found: dict[str, set[tuple[str, ...]]] = {}
        query = "SELECT e.kind, f.via FROM facts f JOIN entities e ON e.id = f.entity_id"
        for kind, via in self.conn.execute(query):
            found.setdefault(kind, set()).add(tuple(sorted(via)))
        return found

    def polled(self) -> dict[str, str | None]:
        """The keys of what was asked about, and what was said instead of an answer."""
        query = "SELECT e.key, l.trouble FROM lookups l JOIN entities e ON e.id = l.entity_id"
        return {row[0]: row[1] for row in self.conn.execute(query)}

    def changes(self) -> list[tuple[Any, ...]]:
        return self.conn.execute(
            "SELECT entity_id, from_state, to_state, outcome, review, since "
            "FROM changes_unplaced ORDER BY seq"
        ).fetchall()


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def live() -> Iterator[Desk]:
    with desk(live_contract=True) as running:
        yield running


@pytest.fixture
def naming() -> Iterator[Desk]:
    """A partner whose pulled copies print their ids and statuses, as pushed ones do."""
    with desk(live_contract=True, profile=Profile(whole_copies=1.0)) as running:
        yield running


@pytest.fixture
def reference() -> Iterator[Desk]:
    with desk() as running:
        yield running


@pytest.fixture
def against(pull_url: str, tmp_path: Path) -> Iterator[Callable[..., Side]]:
    """Our side, empty, against a partner."""
    made: list[Side] = []

    def side(partner: Desk, **more: str) -> Side:
        made.append(Side(pull_url, partner, tmp_path, **more))
        return made[-1]

    yield side
    for one in made:
        one.conn.close()


@pytest.fixture
def side(live: Desk, against: Callable[..., Side]) -> Side:
    return against(live)


def truth(desk: Desk) -> list[Any]:
    """Every callback that the partner has generated."""
    return [event["body"] for event in desk.done("GET", "/_sandbox/truth", key=None)["events"]]


def everything(desk: Desk) -> None:
    """Something of each kind that can be pulled, each at its end or on its way."""
    patient, tokens = patient_with(desk, True, True)
    create(desk, patient, tokens, simulation={})
    create(desk, patient, tokens, simulation={"error": "R0"})
    other, (token,) = patient_with(desk, branded, first_name="Eve")
    copay(desk, other, [card(desk, other)], [token], initiate_prior_auth=True)
    desk.done("POST", TRANSFERS, transfer(patient, simulation={}))
    desk.done("POST", DIRECT, direct(patient))
    desk.done("POST", CONSULTS, wrapped(simulation={}))
    desk.done("POST", "/v1/coverage_request", {"patient_token": patient, "metadata": "m", "simulation": {}})
    desk.wait(30 * DAY)


def test_a_pulled_copy_of_each_type_confirms_its_fact_and_changes_nothing(live: Desk, side: Side) -> None:
    everything(live)
    side.push(truth(live))
    states, changes = side.states(), side.changes()
    facts = side.ledger.count("facts")
    kinds = "consult copay coverage direct_transfer fill_request prescription prior_auth transfer"
    assert set(states) == set(kinds.split())

    of_events = (NOTIFY, EVERYTHING, FILL_LIST, FILLS, REQUESTS)
    reports = side.pull(*of_events)

    assert all(report.finished for report in reports.values())
    assert side.states() == states
    assert side.changes() == changes
    assert side.ledger.count("facts") == facts
    assert side.ledger.reasons() == []
    # What one thing means for another is nobody's callback.
    ways = {kind: found - {("derived",)} for kind, found in side.ways().items()}
    assert ways == {kind: {("pull", "push")} for kind in states}
    stored = side.ledger.count("events")
    again = side.pull(*of_events)
    assert sum(report.stored for report in again.values()) == 0
    assert side.ledger.count("events") == stored

    assert side.pull(SNAPSHOTS)[SNAPSHOTS].finished  # nor does a record
    assert side.states() == states
    assert side.changes() == changes
    assert side.ledger.reasons() == []


def test_what_was_never_pushed_is_had_as_far_as_the_partner_shows_it(against: Callable[..., Side]) -> None:
    """Every push but each request's first is lost: without that nobody knows of the request."""
    first: set[tuple[str, str]] = set()

    def forgetful(_: int, event: Emitted) -> list[Attempt]:
        if (event.kind, event.key) in first or event.type == "NOTIFY_RX":
            return []
        first.add((event.kind, event.key))
        return [Attempt()]

    with desk(live_contract=True, planner=forgetful) as partner:
        side = against(partner)
        everything(partner)
        side.push(partner.told)
        side.pull()
        found = side.states()
        told = truth(partner)
        empty(side.conn)
        side.push(told)
        assert found == side.states()


def test_a_fill_of_which_every_callback_was_lost_is_found_in_the_partners_list(
    against: Callable[..., Side],
) -> None:
    with desk(live_contract=True, planner=lambda *_: []) as partner:
        side = against(partner)
        patient, tokens = patient_with(partner, True)
        gone = create(partner, patient, tokens, simulation={"error": "R0"}, metadata="order 17")
        partner.wait(300)
        (made,) = (row["created_at"] for row in partner.done("GET", "/v1/fill_requests")["results"])
        shipped = create(partner, patient, tokens, simulation={})
        partner.wait(1000)
        side.push(partner.told)
        assert side.states() == {}

        reports = side.pull()

        assert (reports[FILL_LIST].events, reports[FILL_LIST].stored) == (2, 2)
        assert [side.ledger.state(gone), side.ledger.state(shipped)] == ["cancelled", "delivered"]
        assert side.ledger.reasons() == []
        # It is known as of when it was made, and by the name that its customer gave it.
        query = "SELECT registered_at FROM entities WHERE key = %s"
        (registered,) = side.conn.execute(query, (gone,)).fetchone() or (None,)
        assert registered == datetime.fromisoformat(made).replace(microsecond=0)
        assert side.pull(FILL_LIST)[FILL_LIST].stored == 0


def test_by_the_reference_alone_there_are_three_streams(
    reference: Desk, against: Callable[..., Side]
) -> None:
    side = against(reference)
    patient, tokens = patient_with(reference, True)
    fill = create(reference, patient, tokens, simulation={})
    reference.wait(61)
    side.push(reference.told)  # the ORDER; the NOTIFY_RX was forgotten
    reference.wait(1000)
    assert side.ledger.state(fill) == "completed"

    reports = side.pull()

    assert list(reports) == [NOTIFY, FILLS, SNAPSHOTS]
    assert side.states() == {"fill_request": ["delivered"], "prescription": ["received"]}
    assert side.ledger.reasons() == []
    (offered,) = side.conn.execute("SELECT offered FROM surfaces").fetchone() or (None,)
    assert offered is False


def test_a_pulled_copy_without_its_requests_id_is_read_again_by_a_replay(
    reference: Desk, against: Callable[..., Side]
) -> None:
    from workers.apply.replay import replay

    side = against(reference)
    patient, tokens = patient_with(reference, True)
    fill = create(reference, patient, tokens, simulation={})
    reference.wait(61)
    side.push(reference.told)
    reference.wait(1000)
    side.pull(FILLS)
    before = side.ledger.story(fill)
    seqs = [seq for (seq,) in side.conn.execute("SELECT seq FROM events ORDER BY seq")]
    replay(side.conn, seqs, side.ledger.tools, dry_run=False)
    assert side.ledger.story(fill) == before
    assert side.ledger.reasons() == []


def test_a_request_is_asked_about_while_it_waits_and_once_when_it_has_ended(live: Desk, side: Side) -> None:
    patient, tokens = patient_with(live, True)
    open_fill = create(live, patient, tokens)
    ended = create(live, patient, tokens, simulation={"error": "R0"})
    side.conn.execute(
        "INSERT INTO entities (kind, key, state, first_seen) VALUES ('fill_request', %s, 'pending', now())",
        (open_fill,),
    )
    live.wait(61)
    side.push([event for event in live.told if event.get("request_id") == ended])
    pages = []
    for _ in range(3):
        pages.append(side.pull(FILLS)[FILLS].pages)
        side.conn.execute("UPDATE lookups SET next_at = now()")
    assert pages == [2, 1, 1]
    assert set(side.polled()) == {open_fill, ended}


def test_a_request_that_the_partner_does_not_know_keeps_no_other_from_being_read(
    live: Desk, side: Side
) -> None:
    patient, tokens = patient_with(live, True)
    fill = create(live, patient, tokens, simulation={})
    live.wait(1000)
    for key in ("fill_request_that_is_not", fill):
        side.conn.execute(
            "INSERT INTO entities (kind, key, state, first_seen) "
            "VALUES ('fill_request', %s, 'pending', now() - interval '1 day')",
            (key,),
        )
    report = side.pull(FILLS)[FILLS]
    assert (report.finished, report.trouble) == (True, None)
    assert side.ledger.state(fill) == "delivered"
    assert (
        side.polled()["fill_request_that_is_not"]
        == "fill_request webhook_events: 404, the partner does not give it"
    )


def test_what_the_partner_offers_is_asked_once_a_day(live: Desk, side: Side) -> None:
    with side.puller() as puller:
        assert puller.names() == [NOTIFY, EVERYTHING, FILL_LIST, FILLS, REQUESTS, SNAPSHOTS]
        at = side.conn.execute("SELECT checked_at FROM surfaces").fetchall()
        assert puller.names() == [NOTIFY, EVERYTHING, FILL_LIST, FILLS, REQUESTS, SNAPSHOTS]
        assert side.conn.execute("SELECT checked_at FROM surfaces").fetchall() == at
        side.conn.execute("UPDATE surfaces SET checked_at = checked_at - interval '2 days', offered = false")
        assert EVERYTHING in puller.names()


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("no", [NOTIFY, FILLS, SNAPSHOTS]),
        ("yes", [NOTIFY, EVERYTHING, FILL_LIST, FILLS, REQUESTS, SNAPSHOTS]),
    ],
)
def test_a_setting_comes_before_asking(
    live: Desk, against: Callable[..., Side], said: str, names: list[str]
) -> None:
    side = against(live, RXLEDGER_TRUEPILL_LIVE_CONTRACT=said)
    with side.puller() as puller:
        assert puller.names() == names
    assert side.ledger.count("surfaces") == 0


def test_a_type_that_a_setting_names_is_a_stream(live: Desk, against: Callable[..., Side]) -> None:
    more = {"RXLEDGER_TRUEPILL_LIVE_CONTRACT": "no", "RXLEDGER_TRUEPILL_PULL_TYPES": "file,notify_rx"}
    side = against(live, **more)
    live.done("POST", CONSULTS, wrapped())
    live.wait(30 * DAY)
    reports = side.pull()
    assert list(reports) == [NOTIFY, "file", FILLS, SNAPSHOTS]
    assert reports["file"].stored > 0
    assert set(side.states()) == {"consult"}


@pytest.mark.parametrize("by", ["push", "pull"])
@pytest.mark.parametrize("first", ["registration", "callbacks"])
def test_a_prior_authorization_that_was_asked_for_is_one_entity_however_its_callbacks_come(
    naming: Desk, against: Callable[..., Side], by: str, first: str
) -> None:
    """The create answers a name that no callback has."""
    side = against(naming)
    patient, (prescription,) = patient_with(naming, True)
    tokens = {
        "patient_token": patient,
        "insurance_token": card(naming, patient),
        "prescription_token": prescription,
    }
    answer = naming.done("POST", "/v1/prior_authorization", {**tokens, "metadata": "m"})
    named, hashed = answer["request_id"], side.ledger.tools.keyed_hash

    def register() -> str:
        return track(side.conn, hashed, "prior_auth", named, answer=answer, now=side.ledger.tools.clock()).key

    if first == "registration":
        assert register() == named
    naming.wait(10 * DAY)
    told = [body for body in truth(naming) if body["callback_type"] == "PRIOR_AUTH"]
    if by == "push":
        side.push(told)
    elif first == "registration":  # asked by the name of the answer the partner gives nothing
        side.pull(REQUESTS, EVERYTHING)
    else:
        side.push(told[:1])
        side.pull(REQUESTS)
    (bare,) = {body["request_id"] for body in told}
    assert register() == bare
    rows = side.conn.execute(
        "SELECT key, state, registered_at IS NULL FROM entities WHERE kind = 'prior_auth'"
    ).fetchall()
    assert rows == [(bare, "approved", False)]
    side.pull()
    assert side.states()["prior_auth"] == ["approved"]


def test_nothing_of_the_partners_answers_stands_in_the_clear(live: Desk, side: Side) -> None:
    patient, tokens = patient_with(live, True)
    create(live, patient, tokens, simulation={}, metadata="Jane Canary")
    live.wait(1000)
    side.push(live.told)
    side.pull()
    clear = "streams calls surfaces deliveries lookups events queue quarantine entities"
    for table in clear.split():
        text = json.dumps([row[0] for row in side.conn.execute(f"SELECT t::text FROM {table} t")])
        assert "Canary" not in text
        assert patient not in text
        assert KEY not in text
