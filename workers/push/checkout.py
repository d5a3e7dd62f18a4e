"""A checkout for a copay: a patient, prescriptions and a session at HealNow, each made once.

What was made before is used again, whoever made it. Where the answer of a create was lost, HealNow's lists
say whether there is a patient or a prescription of our name; a session is in no list, so a lost one is for a
person to find out, and no second one is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson
import psycopg

from partners.faults import CallFailed
from partners.fields import label
from partners.healnow.assumed import PAYMENT_STATES
from partners.healnow.checkouts import (
    Checkouts,
    Item,
    Session,
    eid_of,
    id_of,
    names_of,
    patient_body,
    prescription_body,
    session_body,
    session_of,
)
from partners.truepill.checkout_records import medication_of, person_of
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.ledger.registration import register
from store.payments import intents
from store.payments.intents import Intent, Subject
from workers.pull.rate_gate import NotNow
from workers.push.copay_amounts import Copay, CopayLine, CopayRefused, copay_amounts
from workers.push.once import OutcomeUnknown, Outgoing, send_once, stands

__all__ = ["Addresses", "Checkout", "Pharmacy", "Push", "checkout", "register_session"]

Connection = psycopg.Connection[Any]
Record = Callable[[Connection, str, Any], None]
#: How a payment stands that was made, and one that can be.
PAID, PAYABLE = "paid", "pending"
#: For so many seconds after it was sent, what was taken may be in no list of HealNow's yet.
UNLISTED_SECONDS = 900


class Pharmacy(Protocol):
    """The pharmacy's records that are read: `partners.truepill.client.Client`."""

    def patient(self, patient_token: str) -> Any: ...

    def prescription(self, token: str) -> Any: ...


class Addresses(NamedTuple):
    """Where a patient's browser goes behind the checkout."""

    success_url: str
    cancel_url: str


class Push(NamedTuple):
    """What making a checkout needs. `clock` gives the aware time of now.

    `idempotency`: whether HealNow has the live contract, so that creates carry a key; nothing relies on it.
    """

    conn: Connection
    sealer: Sealer
    keyed_hash: KeyedHash
    clock: Callable[[], datetime]
    pharmacy: Pharmacy
    healnow: Checkouts
    addresses: Addresses
    idempotency: bool = False


class Checkout(NamedTuple):
    """A session. `made`: by this call. `status` is None where HealNow could not be asked.

    `lines` are what it was made for: prescription tokens, HealNow's ids and cents; none for one of before.
    """

    session: str
    url: str | None
    status: str | None
    made: bool
    lines: tuple[tuple[str, str, int], ...] = ()


def checkout(push: Push, key: str, *, renew: bool = False) -> Checkout:
    """The checkout of the copay of this key, made where there is none; `renew` one that has expired.

    Raises CopayRefused; PushFailed; Lacking, where the pharmacy's records have not what is needed; CallFailed
    and NotNow of reads; psycopg.Error. Whatever it raises, it may be called again.
    """
    copay = copay_amounts(push.conn, push.sealer, key)
    subject = Subject("checkout", "copay", key)
    known = intents.standing(push.conn, subject)
    if known is not None and known.state != "intended":
        found = _known(push, stands(push.conn, known))
        if found.status != "expired" or not renew:
            return found
        intents.close(push.conn, known, "expired")
    patient_id = _patient(push, copay)
    items = []
    for line in copay.lines:
        prescription_id, before = _prescription(push, copay, line, patient_id)
        if not before or _is_payable(push, line, prescription_id):
            items.append((line.token, prescription_id, line.owed))
    if not items:
        raise CopayRefused(f"nothing is owed for copay {key}: HealNow has its prescriptions as paid")
    ids = [prescription_id for _, prescription_id, _ in items]
    body = session_body(patient_id, ids, *push.addresses)

    def record(conn: Connection, session_id: str, answer: Any) -> None:
        register_session(conn, push.keyed_hash, key, session_id, ids, push.clock())

    intent, ours = _send(push, subject, body, lambda key: push.healnow.create_session(body, key), record)
    if not ours:
        return _known(push, intent)
    session_id = intent.answer_id or ""
    session = session_of(_answer(push, intent)) or Session(session_id, None, None)
    return Checkout(session_id, session.url, session.status or "open", True, tuple(items))


def register_session(
    conn: Connection,
    keyed_hash: KeyedHash,
    copay: str,
    session_id: str,
    prescription_ids: list[str],
    now: datetime,
) -> None:
    """Make the checkout known, with what it has to do with; part of the caller's transaction."""
    links = {("checkout", session_id), ("request", copay)}
    links |= {("payment", prescription_id) for prescription_id in prescription_ids}
    register(conn, keyed_hash, "checkout", session_id, links=links, now=now)


def _known(push: Push, intent: Intent) -> Checkout:
    """The session of an intent that is done, as HealNow has it now."""
    session_id = intent.answer_id or ""
    stored = session_of(_answer(push, intent)) or Session(session_id, None, None)
    try:
        now = session_of(push.healnow.session(session_id)) or Session(session_id, None, None)
    except (CallFailed, NotNow):
        return Checkout(session_id, stored.url, None, False)
    return Checkout(session_id, now.url or stored.url, now.status, False)


def _patient(push: Push, copay: Copay) -> str:
    """HealNow's id of the copay's patient, made where it is not known."""
    eid = copay.patient_token
    # A patient's token stands nowhere in the clear.
    subject = Subject("checkout_patient", "patient", push.keyed_hash.link("patient", eid).hex())
    found = _done(push, subject, lambda: push.healnow.find_patient(eid), _nothing)
    if found is not None:
        return found
    body = patient_body(eid, *person_of(push.pharmacy.patient(eid)))
    intent, _ = _send(push, subject, body, lambda key: push.healnow.create_patient(body, key), _nothing)
    return _id(push, intent)


def _prescription(push: Push, copay: Copay, line: CopayLine, patient_id: str) -> tuple[str, bool]:
    """HealNow's id of a prescription, made where it is not known, and whether it was made before.

    Raises CopayRefused where it was made at another price.
    """
    subject = Subject("checkout_prescription", "copay", copay.key, line.token)
    eid = eid_of(copay.key, line.token)

    def record(conn: Connection, prescription_id: str, answer: Any) -> None:
        links = names_of({"eid": eid}, answer, patient_id)
        now = push.clock()
        register(conn, push.keyed_hash, "payment", prescription_id, links=links, aliases=[eid], now=now)

    def find() -> Any:
        return push.healnow.find_prescription(patient_id, eid)

    found = _done(push, subject, find, record)
    if found is None:
        body = prescription_body(_item(push, eid, line))
        call = push.healnow.create_prescription
        intent, ours = _send(push, subject, body, lambda key: call(patient_id, body, key), record)
        if ours:
            return _id(push, intent), False
        found = _id(push, intent)
    return found, True


def _is_payable(push: Push, line: CopayLine, prescription_id: str) -> bool:
    """Whether a prescription of before is still to be paid; False when it is paid.

    Raises CopayRefused where it is cancelled, or is there at another price.
    """
    told = push.healnow.prescription(prescription_id)
    known: Mapping[str, Any] = told if isinstance(told, dict) else {}
    state = PAYMENT_STATES.get(label(known.get("status")))
    if state == PAID:
        return False
    if state != PAYABLE:
        raise CopayRefused(f"HealNow has prescription {line.token} as no longer to be paid")
    if known.get("price_in_cents") != line.owed:
        raise CopayRefused(f"HealNow has prescription {line.token} at another price than the copay's")
    return True


def _item(push: Push, eid: str, line: CopayLine) -> Item:
    found = medication_of(push.pharmacy.prescription(line.token), line.days_supply, line.quantity)
    number = line.fill_number or ""
    # A copay counts fills from 1, HealNow refills: the first fill is none.
    refill = int(number) - 1 if number.isascii() and number.isdecimal() and len(number) < 10 else 0
    return Item(
        eid,
        found.name,
        found.provider,
        found.rx_number,
        str(refill) if refill > 0 else None,
        line.owed,
        found.days_supply,
        found.quantity,
        refill > 0 or (not number and found.is_refill),
    )


def _done(push: Push, subject: Subject, find: Callable[[], Any], record: Record) -> str | None:
    """The id of what was made before: as its answer said, or, where that was lost, as HealNow lists it.

    What it does not list UNLISTED_SECONDS after it was sent is not there, and is made anew. Before that it
    stays in doubt. Raises PushFailed, and what reads raise.
    """
    known = intents.standing(push.conn, subject)
    if known is None or known.state == "intended":
        return None
    if not known.lost:
        return _id(push, stands(push.conn, known))
    row = find()
    found = id_of(row)
    if found is None:
        gone = intents.settle_unknown(
            push.conn, known, "refused", code="not_found", sent_for=UNLISTED_SECONDS
        )
        if not gone and intents.standing(push.conn, subject) == known:
            raise OutcomeUnknown(
                f"HealNow does not list it, and may soon: what was sent counts as not taken after"
                f" {UNLISTED_SECONDS // 60} minutes (intent {known.id})",
                known.id,
            )
        return None
    with push.conn.transaction():
        kept = push.sealer.seal(orjson.dumps(row), intents.context(subject))
        named = _shown(subject, found)
        if intents.settle_unknown(push.conn, known, "done", code="found", answer_id=named, answer=kept):
            record(push.conn, found, row)
    return found


def _send(
    push: Push, subject: Subject, body: dict[str, Any], call: Callable[[str | None], Any], record: Record
) -> tuple[Intent, bool]:
    """The intent, done, and whether this call sent it. Raises PushFailed."""
    sent = False

    def send(intent: Intent) -> Any:
        nonlocal sent
        sent = True
        # Of this intent alone: another of the same subject is sent because that one is over.
        return call(push.keyed_hash.hash("intent", str(intent.id)).hex() if push.idempotency else None)

    outgoing = Outgoing(subject, body, send, id_of, record, shown=lambda found: _shown(subject, found))
    return send_once(push.conn, push.sealer, outgoing), sent


def _shown(subject: Subject, found: str) -> str | None:
    """The id as it may stand in the clear: that of a patient may not."""
    return None if subject.what == "checkout_patient" else found


def _answer(push: Push, intent: Intent) -> Any:
    if intent.answer is None:
        return {"id": intent.answer_id}
    return orjson.loads(push.sealer.unseal(intent.answer, intents.context(intent.subject)))


def _id(push: Push, intent: Intent) -> str:
    return intent.answer_id or id_of(_answer(push, intent)) or ""


def _nothing(conn: Connection, found: str, answer: Any) -> None:
    """A patient is no entity."""
