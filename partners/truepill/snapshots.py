"""The partner's records to facts: what a GET said about a resource when it was asked. Pure.

A copy is an envelope (`partners.truepill.envelopes`). It states at most one fact, `seen:STATE`, dated by the
record's own time or else by the envelope's; claims state one for each of their times (`claim_records`).
What a resource does not print is not inferred.

Where a record stands, its status alone says: the printed one is pending and has every other field filled, so
a reason, a code or a tracking number may be left from before ("Get Fill Request"). Each counts where the
status is the one that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from partners.drift import unseen_in
from partners.envelopes import callback_type_of, opened
from partners.fields import (
    Hash,
    Json,
    code_like,
    date_moment,
    first_text,
    key_of,
    label,
    moment_of,
    name,
    text,
    texts,
)
from partners.reading import Link, Reading, Stated, Unreadable
from partners.truepill import claim_records, copays, transfers
from partners.truepill.build_facts import Copy, stated
from partners.truepill.envelopes import IDS, own_names
from partners.truepill.lines import NO_LINES, REASONS, Lines, Made, entries, gathered, is_refused, made
from partners.truepill.records import RECORDS, Record

__all__ = ["read"]

# Asked for by the token of their record; whose that is, a claim of it says.
_NAMED_BY_ALIAS = frozenset({"transfer", "direct_transfer"})

# Ends that the error says more of than the status does, as in a callback ("Table of Error Codes").
FILL_ERRORS = {"R0": "cancelled", "R028": "unpaid", "R4": "returned"}
ENDED_BADLY = frozenset({"rejected", "cancelled"})
WITH_ERROR = ENDED_BADLY | {"returned"}

FILL_TEXTS = (
    "rejection_reason",
    "additional_rejection_details",
    "triage_reason",
    "additional_triage_details",
    "error_code",
    "tracking_url",
    "carrier",
    "metadata",
)
TRANSFER_TEXTS = ("cancel_reason", "cancel_reason_other", "metadata")
DIRECT_TEXTS = ("message", "metadata", "patient_token")
COPAY_TEXTS = ("triage_reason", "error_code", "metadata", "patient_token", *REASONS)
CONSULT_TEXTS = ("provider", "metadata", "patient_token")
RX_TEXTS = ("medication_name", "prescribed_written_name", "prescriber", "current_rx_status_text", "rx_number")

# Types drift: `is_refill` beside it is printed as a number and as a boolean.
FILLABLE = {"true": True, "1": True, "false": False, "0": False}

LINE_TOKENS = ("prescription_token", "url_token")


class _Read(NamedTuple):
    """A record to be read: `copy.content` is the record with the id that it was asked for."""

    record: Record
    copy: Copy
    state: str | None


def read(body: bytes, hash: Hash, url_id: str | None = None) -> Reading:
    """What an envelope's record states: one fact, none where it prints no state, or several of claims.

    `hash` is a keyed hash of (domain, value). The envelope holds the id that was asked for, so `url_id` is
    not looked at. Raises Unreadable: bad_key where the record is another one's, missing_status where it
    has none, unknown_status where it is none that we know.
    """
    envelope = opened(body)
    resource = envelope.get("snapshot")
    if resource == claim_records.RESOURCE:
        return claim_records.claims(envelope, hash)
    record = RECORDS.get(resource) if type(resource) is str else None
    if record is None or type(resource) is not str:
        raise Unreadable("missing_type" if resource is None else "unknown_type")
    callback_type = callback_type_of(resource)
    content = envelope.get("content")
    if type(content) is not dict:
        raise Unreadable("bad_details", callback_type)
    shape = record.shape if record.complete else record.shape._replace(fields=frozenset(content))
    unseen = unseen_in(shape, callback_type, content)
    try:
        asked_for = key_of(envelope.get("id") or None)
        _check_id(resource, content, asked_for)
        at, millisecond = date_moment(content.get("updated_at")) or moment_of(envelope.get("asked_at"))
        known = content if own_names(resource, content) else {**content, IDS[resource][0]: asked_for}
        copy = Copy(known, known, _key(resource, content, asked_for), at, hash, millisecond)
        fact = _READERS[resource](_Read(record, copy, record.states.get(label(content.get("status")))))
        return Reading(callback_type, (fact,) if fact else (), unseen)
    except Unreadable as error:
        error.callback_type = callback_type
        error.unseen = unseen
        raise


def _check_id(resource: str, content: Json, asked_for: str) -> None:
    """A record that names itself otherwise than it was asked for is not to be taken for the other one."""
    own = own_names(resource, content)
    if own and asked_for not in own:
        raise Unreadable("bad_key")


def _key(resource: str, content: Json, asked_for: str) -> str | None:
    """The entity's key; None where the record names it by its token alone."""
    if resource not in _NAMED_BY_ALIAS:
        return asked_for
    request_id = content.get("request_id")
    return None if request_id is None else key_of(request_id)


def _state(seen: _Read) -> str:
    if seen.state is None:
        raise Unreadable("missing_status" if seen.copy.content.get("status") is None else "unknown_status")
    return seen.state


def _code(state: str, content: Json) -> str | None:
    """The code that the record's status is about: of a triage or of a bad end."""
    if state == "triage":
        return text(content.get("triage_reason")) or text(content.get("error_code"))
    return text(content.get("error_code")) if state in WITH_ERROR else None


def _stated(
    seen: _Read,
    state: str,
    shown: tuple[str, ...],
    *,
    code: str | None = None,
    lines: Lines = NO_LINES,
    due: int | None = None,
    links: tuple[Link, ...] = (),
) -> Stated:
    return stated(
        seen.record.kind,
        seen.copy,
        f"seen:{state}",
        detail=texts(seen.copy.content, shown),
        code=code,
        apart=[lines.apart] if lines.apart else None,
        lines=lines,
        due=due,
        links=links,
    )


def _fill_request(seen: _Read) -> Stated:
    """The code of an error may say how it ended."""
    state, content = _state(seen), seen.copy.content
    code = _code(state, content)
    if state in ENDED_BADLY and code:
        state = FILL_ERRORS.get(code.upper(), state)
    return _stated(seen, state, FILL_TEXTS, code=code)


def _transfer(seen: _Read) -> Stated:
    """The items of a list tell neither reasons nor what came of each medication, so they have no lines."""
    state, content = _state(seen), seen.copy.content
    reason = text(content.get("cancel_reason"))
    if state in ENDED_BADLY and reason:  # as the code of an error decides ("Table of Error Codes")
        state = "cancelled" if reason.upper() == transfers.CANCELLED else "rejected"
    lines, links = NO_LINES, []
    if state != "pending":
        listed = [(n, _asked_for(item)) for n, item in entries(content.get("transfer_medications"))]
        if any("prescription" in item or "rejection_reason" in item for _, item in listed):
            lines = gathered(
                _medication(position, item, state if state != "completed" else _came(item), seen.copy.hash)
                for position, item in listed
            )
        tokens = [("medication", item.get("url_token")) for _, item in listed]
        tokens += [("prescription", item.get("prescription_token")) for _, item in listed]
        links = [(domain, found) for domain, token in tokens if (found := name(token))]
    code = reason if state in ENDED_BADLY else None
    return _stated(seen, state, TRANSFER_TEXTS, code=code, lines=lines, links=tuple(links))


def _asked_for(item: Json) -> Json:
    """A medication with what its prescription adds: the token, and what is shown of it."""
    came = item.get("prescription")
    if type(came) is not dict:
        return item
    added = {field: came[field] for field in ("prescriber", "last_filled_date") if field in came}
    return {**item, **added, "prescription_token": came.get("url_token")}


def _medication(position: int, item: Json, status: str, hash: Hash) -> Made:
    """One medication. A reason that is spelled like a code is one, as in a callback."""
    reason = first_text(item, REASONS)
    return made(
        position,
        item,
        status,
        hash,
        tokens=LINE_TOKENS,
        shown=transfers.SHOWN,
        code=code_like(reason),
        reason=reason,
    )


def _came(item: Json) -> str:
    """What became of one medication of a transfer that is completed, as far as the record says."""
    if is_refused(item):
        return "rejected"
    return "transferred" if type(item.get("prescription")) is dict else "unclear"


def _direct_transfer(seen: _Read) -> Stated:
    state = _state(seen)
    lines = NO_LINES
    if state != "pending":
        status = "transferred" if state == "completed" else "rejected"
        lines = transfers.direct_lines(seen.copy.content, status, seen.copy.hash)
    return _stated(seen, state, DIRECT_TEXTS, lines=lines)


def _copay_request(seen: _Read) -> Stated:
    """Its prescriptions are its lines once it has left pending; a refill that came too early has its date."""
    state, content = _state(seen), seen.copy.content
    code = _code(state, content)
    if state == "rejected" and code and code.upper() == copays.CANCELLED:
        state = "cancelled"
    lines = NO_LINES
    if state != "pending":
        unsaid = "unclear" if state == "completed" else state
        lines = copays.copay_lines(content, unsaid, seen.copy.hash)
    due = copays.next_fill(lines) if state == "completed" else None
    return _stated(seen, state, COPAY_TEXTS, code=code, lines=lines, due=due)


def _consult(seen: _Read) -> Stated | None:
    """The record of one consult has no status, and nothing in it tells one; an item of a list has."""
    if "status" not in seen.copy.content:
        return None
    return _stated(seen, _state(seen), CONSULT_TEXTS)


def _prescription(seen: _Read) -> Stated:
    """Whether it can be filled. The words of its status are an open set, so they decide only without that.

    Without either, as simulated, the record says that it is there ("Get a Prescription"), and its names.
    """
    content = seen.copy.content
    fillable = FILLABLE.get(str(content.get("fillable")).strip().lower())
    if fillable is None:
        transferred = label(content.get("current_rx_status_text")) == "TRANSFERRED"
        return _stated(seen, "unfillable" if transferred else "present", RX_TEXTS)
    return _stated(seen, "received" if fillable else "unfillable", RX_TEXTS)


_READERS: dict[str, Callable[[_Read], Stated | None]] = {
    "fill_request": _fill_request,
    "transfer": _transfer,
    "direct_transfer": _direct_transfer,
    "copay_request": _copay_request,
    "consult": _consult,
    "prescription": _prescription,
}
