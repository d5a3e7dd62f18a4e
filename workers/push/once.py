"""Sending something once: recorded before, sent, and recorded with what follows from it after.

Each step is durable before the next begins (`store.payments.intents`), so wherever a process dies it is known
afterwards whether the call may have been made. Only one that surely was not is made by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any, NamedTuple

import orjson
import psycopg

from partners.faults import CallFailed
from settings.crash_points import crash_point
from store.crypto.sealing import Sealer
from store.payments import intents
from store.payments.intents import Intent, Subject
from workers.pull.rate_gate import NotNow

__all__ = [
    "BeingSent",
    "OutcomeUnknown",
    "Outgoing",
    "PartnerRefused",
    "PushFailed",
    "SentNothing",
    "send_once",
    "stands",
]

Connection = psycopg.Connection[Any]
#: How often an outcome is written: what holds its rows passes, and the answer is not given again.
TRIES = 5
_PASSING = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.SerializationFailure,
)


class PushFailed(Exception):
    """Nothing came of it, or it is not known what did. No text holds anything of what was sent."""


class BeingSent(PushFailed):
    """Another process is sending it just now."""


class SentNothing(PushFailed):
    """The partner has seen nothing of it: it may be tried again."""


class PartnerRefused(PushFailed):
    """The partner answered that it does not take it."""


class OutcomeUnknown(PushFailed):
    """It may have been taken: a person has to find out. `intent` is its number."""

    def __init__(self, text: str, intent: int) -> None:
        super().__init__(text)
        self.intent = intent


class Outgoing(NamedTuple):
    """What is to be sent. `document` is what is kept of it, sealed; `call` sends it, as this intent, and
    gives the answer.

    `read` gives the id that the answer names, None where it names none, or raises PartnerRefused where it
    says that nothing was taken. `record` writes what follows from the answer, in the transaction that records
    it, given the answer's id and the answer. `shown` is the id as it may stand in the clear, or None.
    """

    subject: Subject
    document: Mapping[str, Any]
    call: Callable[[Intent], Any]
    read: Callable[[Any], str | None]
    record: Callable[[Connection, str, Any], None]
    shown: Callable[[str], str | None] = str


def send_once(conn: Connection, sealer: Sealer, outgoing: Outgoing) -> Intent:
    """Send it, unless it was sent before: then the intent that stands, which is done.

    No transaction is open during the call. Raises PushFailed, and psycopg.Error, after which the next run
    knows how far this one came.
    """
    subject = outgoing.subject
    point = f"{subject.what}.".__add__
    sealed = sealer.seal(orjson.dumps(outgoing.document), intents.context(subject))
    crash_point(point("begun"))
    intent, ours = intents.intend(conn, subject, token_hex(8), sealed)
    crash_point(point("intended"))
    if not ours:
        return stands(conn, intent)
    if not intents.mark_sent(conn, intent.id, intent.holder):
        raise BeingSent("another process took it over before it was sent")
    crash_point(point("marked"))
    try:
        answer = outgoing.call(intent)
    except NotNow as error:
        _settle(conn, intent, "refused", "not_sent")
        raise SentNothing(f"nothing was sent: {error}") from None
    except CallFailed as error:
        raise _came_to(conn, intent, error) from None
    except BaseException:
        # Interrupted: what the partner did with it nobody heard.
        _settle(conn, intent, "unknown", "interrupted")
        raise
    crash_point(point("answered"))
    return _recorded(conn, sealer, intent, outgoing, answer)


def stands(conn: Connection, intent: Intent) -> Intent:
    """An intent of before, when it is done. Raises OutcomeUnknown, BeingSent."""
    if intent.state == "done":
        return intent
    if intent.lost:
        if intent.state == "sent":
            intents.settle_unknown(conn, intent, "unknown", code="no_answer")
        raise OutcomeUnknown(
            f"it was sent before, and what came of it is not known (intent {intent.id})", intent.id
        )
    raise BeingSent(f"it is being sent by another process (intent {intent.id})")


def _recorded(conn: Connection, sealer: Sealer, intent: Intent, outgoing: Outgoing, answer: Any) -> Intent:
    try:
        named = outgoing.read(answer)
    except PartnerRefused:
        _settle(conn, intent, "refused", "answer")
        raise
    kept = _sealed(sealer, intent.subject, answer)
    point = f"{intent.subject.what}.".__add__
    if named is None or kept is None:
        _settle(conn, intent, "unknown", "no_id", kept)
        raise OutcomeUnknown(
            f"the answer names nothing: what came of it is not known (intent {intent.id})", intent.id
        )
    done = intent._replace(state="done", answer_id=outgoing.shown(named), answer=kept)
    for left in range(TRIES - 1, -1, -1):
        try:
            with conn.transaction():
                in_time = intents.settle(conn, intent, "done", answer_id=done.answer_id, answer=kept)
                if in_time:
                    outgoing.record(conn, named, answer)
                    crash_point(point("recording"))
                else:
                    late = _late(conn, done, kept)
            break
        except psycopg.Error as error:
            if not (left and isinstance(error, _PASSING)):
                # Not chained: a driver's text may quote what was to be written.
                raise _not_recorded(conn, done, kept) from None
    if not in_time:
        if late.state == "done":
            return late
        raise OutcomeUnknown(
            f"it was taken{_as(done)}, after somebody had settled it otherwise (intent {done.id})", done.id
        )
    crash_point(point("recorded"))
    return done


def _late(conn: Connection, done: Intent, kept: bytes) -> Intent:
    """How it stands that somebody else settled before its answer came: done, where he found the same."""
    found = intents.by_id(conn, done.id)
    if found is not None and found.state == "done":
        # The partner's own list told it, or a person the same id.
        same = found.code == "found" or (found.code == "seen" and found.answer_id is not None)
        if same and found.answer_id == done.answer_id:
            return found
    intents.keep_late(conn, done, done.answer_id, kept)
    return done._replace(state="unknown")


def _as(done: Intent) -> str:
    return "" if done.answer_id is None else f" as {done.answer_id}"


def _not_recorded(conn: Connection, done: Intent, kept: bytes) -> OutcomeUnknown:
    """The answer is kept for a person where what follows from it cannot be written; and told, in any case."""
    with suppress(psycopg.Error):
        _settle(conn, done, "unknown", "not_recorded", kept)
    return OutcomeUnknown(f"it was taken{_as(done)}, and could not be recorded (intent {done.id})", done.id)


def _sealed(sealer: Sealer, subject: Subject, answer: Any) -> bytes | None:
    """The answer as it is kept; None for one that is nested too deep to be written."""
    try:
        return sealer.seal(orjson.dumps(answer), intents.context(subject))
    except orjson.JSONEncodeError:
        return None


def _came_to(conn: Connection, intent: Intent, error: CallFailed) -> PushFailed:
    """What a failed call means. A refusal is the partner's word that nothing came of it."""
    if error.may_be_done:
        code = f"http_{error.status}" if error.status is not None else type(error).__name__.lower()
        _settle(conn, intent, "unknown", code)
        return OutcomeUnknown(f"what came of it is not known (intent {intent.id}): {error}", intent.id)
    if error.status is None:
        _settle(conn, intent, "refused", "not_sent")
        return SentNothing(f"nothing was sent: {error}")
    _settle(conn, intent, "refused", f"http_{error.status}")
    return PartnerRefused(f"the partner refused it: {error}")


def _settle(conn: Connection, intent: Intent, state: Any, code: str, answer: bytes | None = None) -> None:
    with conn.transaction():
        intents.settle(conn, intent, state, code=code, answer=answer)
