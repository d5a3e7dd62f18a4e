"""What is to be sent once: recorded before, sent by one, and in doubt where it may have gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import psycopg
import pytest

from partners.faults import (
    CallFailed,
    Failing,
    Garbled,
    KeyRefused,
    NotGranted,
    Silent,
    Throttled,
)
from settings import Database
from store.crypto.sealing import Sealer
from store.db.connections import connect
from store.payments import intents
from store.payments.intents import Intent, Subject
from tests.support.keys import SEAL_KEY
from tests.support.ledger import Ledger, every_text
from workers.pull.rate_gate import NotNow
from workers.push.once import BeingSent, OutcomeUnknown, Outgoing, PartnerRefused, SentNothing, send_once

FILL = Subject("payment_block", "fill_request", "f1")
SEALER = Sealer([SEAL_KEY])
Connection = psycopg.Connection[Any]


class Calls:
    """Counts what is sent; answers, or fails, as it is told to."""

    def __init__(self, answer: Any = None, fails: BaseException | None = None) -> None:
        self.answer = {"request_id": "f2"} if answer is None else answer
        self.fails = fails
        self.made = 0
        self.recorded: list[str] = []

    def __call__(self, intent: Intent) -> Any:
        self.made += 1
        if self.fails is not None:
            raise self.fails
        return self.answer

    def record(self, conn: Connection, named: str, answer: Any) -> None:
        self.recorded.append(named)


def outgoing(calls: Calls, record: Callable[..., None] | None = None) -> Outgoing:
    def read(answer: Any) -> str | None:
        if answer.get("status") == "error":
            raise PartnerRefused("by its answer")
        found = answer.get("request_id")
        return found if isinstance(found, str) else None

    return Outgoing(FILL, {"name": "Jane Canary"}, calls, read, record or calls.record)


def state(conn: Connection) -> list[tuple[str, str | None, bool]]:
    rows = conn.execute("SELECT state, code, closed_at IS NOT NULL FROM intents ORDER BY id")
    return [(found, code, closed) for found, code, closed in rows]


def age(conn: Connection) -> None:
    conn.execute("UPDATE intents SET sent_at = sent_at - interval '1 hour'")


def test_what_is_sent_is_recorded_and_never_sent_again(ledger: Ledger) -> None:
    calls = Calls()

    first = send_once(ledger.conn, SEALER, outgoing(calls))
    again = send_once(ledger.conn, SEALER, outgoing(calls))

    assert (first.state, first.answer_id) == ("done", "f2")
    assert (again.id, again.answer_id) == (first.id, "f2")
    assert (calls.made, calls.recorded) == (1, ["f2"])


def test_what_is_sent_stands_nowhere_in_the_clear(ledger: Ledger) -> None:
    send_once(ledger.conn, SEALER, outgoing(Calls({"request_id": "f2", "echo": "Joan Canary"})))

    assert "Canary" not in every_text(ledger.conn, ["intents"])
    found = intents.standing(ledger.conn, FILL)
    assert found is not None
    assert b"Jane Canary" in SEALER.unseal(found.detail, intents.context(FILL))
    assert found.answer is not None
    assert b"Joan Canary" in SEALER.unseal(found.answer, intents.context(FILL))


@pytest.mark.parametrize(
    "fault", [NotNow(3, "circuit"), Silent("fill_request", "no answer: ConnectError", sent=False)]
)
def test_what_never_left_may_be_sent_by_the_next_run(ledger: Ledger, fault: Exception) -> None:
    calls = Calls(fails=fault)
    with pytest.raises(SentNothing):
        send_once(ledger.conn, SEALER, outgoing(calls))
    calls.fails = None

    assert send_once(ledger.conn, SEALER, outgoing(calls)).state == "done"
    assert state(ledger.conn) == [("refused", "not_sent", True), ("done", None, False)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (NotGranted("fill_request", "400", 400), "http_400"),
        (NotGranted("fill_request", "422", 422), "http_422"),
        (KeyRefused("fill_request", "401", 401), "http_401"),
        (Throttled("fill_request", 30.0), "http_429"),
    ],
)
def test_a_refusal_is_final_and_says_its_class(ledger: Ledger, fault: CallFailed, code: str) -> None:
    with pytest.raises(PartnerRefused, match=str(fault.status)):
        send_once(ledger.conn, SEALER, outgoing(Calls(fails=fault)))

    assert state(ledger.conn) == [("refused", code, True)]


def test_an_answer_that_says_error_is_a_refusal(ledger: Ledger) -> None:
    with pytest.raises(PartnerRefused):
        send_once(ledger.conn, SEALER, outgoing(Calls({"status": "error", "request_id": "f2"})))

    assert state(ledger.conn) == [("refused", "answer", True)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Silent("fill_request", "no answer in time"), "silent"),
        (Failing("fill_request", "502", 502), "http_502"),
        (NotGranted("fill_request", "408", 408), "http_408"),
        (NotGranted("fill_request", "409", 409), "http_409"),
        (Throttled("fill_request", 30.0, 503), "http_503"),
        (Garbled("fill_request", "the answer is HTML", 200), "http_200"),
        (Garbled("fill_request", "302, a redirect", 302, again=False), "http_302"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_what_may_have_been_taken_is_in_doubt_and_never_sent_again(
    ledger: Ledger, fault: BaseException, code: str
) -> None:
    calls = Calls(fails=fault)
    with pytest.raises(KeyboardInterrupt if code == "interrupted" else OutcomeUnknown):
        send_once(ledger.conn, SEALER, outgoing(calls))
    calls.fails = None
    with pytest.raises(OutcomeUnknown):
        send_once(ledger.conn, SEALER, outgoing(calls))

    assert calls.made == 1
    assert state(ledger.conn) == [("unknown", code, False)]
    assert [one.subject for one in intents.open_intents(ledger.conn, None, 10)] == [FILL]


def test_an_answer_that_names_nothing_is_kept_and_in_doubt(ledger: Ledger) -> None:
    with pytest.raises(OutcomeUnknown, match="names nothing"):
        send_once(ledger.conn, SEALER, outgoing(Calls({"status": "success"})))

    assert state(ledger.conn) == [("unknown", "no_id", False)]
    found = intents.standing(ledger.conn, FILL)
    assert found is not None
    assert found.answer is not None


def test_what_cannot_be_recorded_is_told_and_its_answer_kept(ledger: Ledger) -> None:
    def fail(conn: Connection, named: str, answer: Any) -> None:
        conn.execute("SELECT 1 / 0")

    calls = Calls()
    with pytest.raises(OutcomeUnknown, match="it was taken as f2, and could not be recorded") as raised:
        send_once(ledger.conn, SEALER, outgoing(calls, fail))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    with pytest.raises(OutcomeUnknown):
        send_once(ledger.conn, SEALER, outgoing(calls))

    assert calls.made == 1
    assert state(ledger.conn) == [("unknown", "not_recorded", False)]
    found = intents.standing(ledger.conn, FILL)
    assert found is not None
    assert found.answer is not None


def test_what_is_locked_for_a_moment_is_recorded_after_it(ledger: Ledger) -> None:
    locked = [True, True]

    def record(conn: Connection, named: str, answer: Any) -> None:
        if locked:
            locked.pop()
            raise psycopg.errors.LockNotAvailable

    assert send_once(ledger.conn, SEALER, outgoing(Calls(), record)).state == "done"
    assert state(ledger.conn) == [("done", None, False)]


def test_a_server_that_goes_away_meanwhile_leaves_it_in_doubt(ledger: Ledger, database: Database) -> None:
    calls = Calls()
    with connect(database, "test") as lost:

        def fail(conn: Connection, named: str, answer: Any) -> None:
            lost.close()
            conn.execute("SELECT 1")

        with pytest.raises(OutcomeUnknown, match="it was taken as f2"):
            send_once(lost, SEALER, outgoing(calls, fail))
    with pytest.raises(BeingSent):  # its process may live and wait
        send_once(ledger.conn, SEALER, outgoing(calls))
    assert intents.open_intents(ledger.conn, None, 10) == []
    age(ledger.conn)
    with pytest.raises(OutcomeUnknown):
        send_once(ledger.conn, SEALER, outgoing(calls))

    assert calls.made == 1
    assert state(ledger.conn) == [("unknown", "no_answer", False)]


def test_an_intent_that_was_surely_not_sent_is_taken_over_and_the_first_can_send_it_no_more(
    ledger: Ledger,
) -> None:
    conn = ledger.conn
    first, ours = intents.intend(conn, FILL, "first", b"detail")
    second, theirs = intents.intend(conn, FILL, "second", b"detail")

    assert ours
    assert theirs
    assert first.id == second.id
    assert not intents.mark_sent(conn, first.id, "first")
    assert intents.mark_sent(conn, second.id, "second")
    third, his = intents.intend(conn, FILL, "third", b"detail")
    assert (third.state, his) == ("sent", False)


def test_of_many_at_once_one_sends(ledger: Ledger, database: Database) -> None:
    calls, start = Calls(), threading.Barrier(8)
    ended: list[str] = []

    def run() -> None:
        with connect(database, "test") as conn:
            start.wait()
            try:
                ended.append(send_once(conn, SEALER, outgoing(calls)).state)
            except BeingSent:
                ended.append("busy")

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ended) == 8
    assert set(ended) <= {"done", "busy"}
    assert calls.made == 1
    assert state(ledger.conn) == [("done", None, False)]


def test_an_answer_that_comes_after_all_settles_what_was_in_doubt(ledger: Ledger) -> None:
    conn = ledger.conn

    class Late(Calls):
        def __call__(self, intent: Intent) -> Any:
            age(conn)
            with pytest.raises(OutcomeUnknown):
                send_once(conn, SEALER, outgoing(Calls()))
            return super().__call__(intent)

    assert send_once(conn, SEALER, outgoing(Late())).state == "done"
    assert state(conn) == [("done", None, False)]


class Later(Calls):
    """Somebody settles it before the answer comes."""

    def __init__(self, conn: Connection, state: Literal["done", "refused"], **told: Any) -> None:
        super().__init__()
        self._conn, self._state, self._told = conn, state, told
        #: Whether it is sent once more by then.
        self.again: Calls | None = None

    def __call__(self, intent: Intent) -> Any:
        age(self._conn)
        found = intents.standing(self._conn, FILL)
        assert found is not None
        assert intents.settle_unknown(self._conn, found, self._state, **self._told)
        if self.again is not None:
            send_once(self._conn, SEALER, outgoing(self.again))
        return super().__call__(intent)


@pytest.mark.parametrize(
    ("settled", "told"),
    [("refused", {"code": "not_seen"}), ("done", {"code": "seen", "answer_id": "f7", "answer": b""})],
)
def test_an_answer_that_comes_after_a_person_settled_it_is_kept_and_in_doubt(
    ledger: Ledger, settled: Any, told: dict[str, Any]
) -> None:
    conn = ledger.conn
    calls = Later(conn, settled, **told)
    with pytest.raises(OutcomeUnknown, match="it was taken as f2, after somebody had settled it otherwise"):
        send_once(conn, SEALER, outgoing(calls))
    with pytest.raises(OutcomeUnknown):
        send_once(conn, SEALER, outgoing(Calls()))

    assert calls.recorded == []
    assert state(conn) == [("unknown", "late", False)]
    (found,) = intents.open_intents(conn, None, 10)
    assert found.answer_id == "f2"
    assert b"f2" in SEALER.unseal(found.answer or b"", intents.context(FILL))


def test_an_answer_that_comes_after_it_was_sent_once_more_is_for_a_person_too(ledger: Ledger) -> None:
    conn = ledger.conn
    calls = Later(conn, "refused", code="not_seen")
    calls.again = Calls({"request_id": "f3"})
    with pytest.raises(OutcomeUnknown, match="f2"):
        send_once(conn, SEALER, outgoing(calls))

    assert state(conn) == [("unknown", "late", True), ("done", None, False)]
    (late,) = intents.open_intents(conn, None, 10)
    standing = intents.standing(conn, FILL)
    assert standing is not None
    assert (late.answer_id, standing.answer_id) == ("f2", "f3")
    assert intents.settle_unknown(conn, late, "done", code="seen", answer_id="f2")
    assert state(conn) == [("done", "seen", True), ("done", None, False)]
    assert intents.open_intents(conn, None, 10) == []


@pytest.mark.parametrize("code", ["seen", "found"])
def test_an_answer_that_says_what_was_found_meanwhile_is_no_news(ledger: Ledger, code: str) -> None:
    calls = Later(ledger.conn, "done", code=code, answer_id="f2", answer=b"")
    assert send_once(ledger.conn, SEALER, outgoing(calls)).answer_id == "f2"
    assert (calls.recorded, state(ledger.conn)) == ([], [("done", code, False)])


def test_what_somebody_waits_for_is_not_settled_by_another(ledger: Ledger) -> None:
    conn = ledger.conn
    intent, _ = intents.intend(conn, FILL, "first", b"detail")
    assert not intents.settle_unknown(conn, intent, "refused", code="not_seen")
    intents.mark_sent(conn, intent.id, "first")
    assert not intents.settle_unknown(conn, intent, "refused", code="not_seen")
    age(conn)
    assert intents.settle_unknown(conn, intent, "refused", code="not_seen")
    assert not intents.settle_unknown(conn, intent, "done", code="seen")


def test_what_is_done_and_over_makes_room_for_another(ledger: Ledger) -> None:
    calls = Calls()
    done = send_once(ledger.conn, SEALER, outgoing(calls))

    assert intents.close(ledger.conn, done, "expired")
    assert not intents.close(ledger.conn, done, "expired")
    assert send_once(ledger.conn, SEALER, outgoing(calls)).id != done.id
    assert calls.made == 2
