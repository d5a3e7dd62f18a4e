"""What a GET answered, put into the form in which it is stored: one envelope for each record. Pure.

    {"snapshot": RESOURCE, "id": ID, "content": {...}}                        a record with a time of its own
    {"snapshot": RESOURCE, "id": ID, "asked_at": SECONDS, "content": {...}}   one that is dated by the answer
    {"snapshot": "claims", "id": REQUEST_ID, "content": {"claims": [
        {"prescription_token": TOKEN, "fill_number": N, "claims": [...]}, ...]}}   claims, each with its time

The first form is the same whenever it is read, so a record that stands still is one event, however often it
is asked for. `partners.truepill.snapshots` reads envelopes, and nothing else makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from partners.envelopes import Envelope
from partners.fields import Json, date, name
from partners.truepill.claim_records import RESOURCE, ClaimsOf
from partners.truepill.records import RECORDS

__all__ = [
    "IDS",
    "RESOURCES",
    "RESOURCE_OF",
    "claims_envelope",
    "envelopes",
    "of_its_day",
    "own_names",
    "updated_at",
]

#: The resources that can be read, as `envelopes` wants them named.
RESOURCES = tuple(RECORDS)
#: The resource that has the record of an entity, by its kind.
RESOURCE_OF = {record.kind: resource for resource, record in RECORDS.items()}

DAY = 86_400

# Where a record's own id stands. The first name is also the one under which its links and aliases are read.
IDS = {
    "fill_request": ("request_id",),
    "transfer": ("transfer_token", "url_token"),
    "direct_transfer": ("direct_transfer_token", "direct_transfer_id"),
    "copay_request": ("request_id",),
    "consult": ("consult_id", "id"),
    "prescription": ("prescription_token",),
}
# The lists of records that a page of answers holds.
_PAGES = {"prescription": ("prescriptions",), "consult": ("consults", "results", "data")}


def envelopes(
    resource: str, answer: object, *, asked_at: int, asked_for: str | None = None
) -> list[Envelope]:
    """The records of a GET's answer, be it of one record or a page of many, each as a body to be stored.

    `answer` is decoded JSON. `asked_at` is when it was given, in seconds of Unix time by the partner's clock,
    or else the start of the request by ours; callbacks are dated by the partner's. `asked_for` is
    the id in its URL; None for a page, and for a patient's prescriptions, which are asked for by another id
    than theirs. A record of an unexpected shape is kept too, and `snapshots.read` says what is wrong with it.
    Raises KeyError for an unknown resource, TypeError for an answer that is nested more than 250 deep.
    """
    found = []
    for content in _records(resource, answer):
        known = content if type(content) is dict else {}
        own = next(iter(own_names(resource, known)), "")
        envelope: dict[str, object] = {"snapshot": resource, "id": asked_for or own, "content": content}
        if updated_at(known) is None:
            envelope["asked_at"] = asked_at
        found.append(Envelope(asked_for or own, orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)))
    return found


def claims_envelope(request_id: str, found: Iterable[ClaimsOf]) -> Envelope:
    """The claims of a fill's prescriptions, sorted. Raises TypeError as `envelopes` does."""
    content = {"claims": [one._asdict() for one in sorted(found, key=lambda one: one[:2])]}
    envelope = {"snapshot": RESOURCE, "id": request_id, "content": content}
    return Envelope(request_id, orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS))


def of_its_day(envelope: Envelope) -> Envelope:
    """The same, dated by the day (UTC) of the request: a record that stands still is one event a day."""
    content = orjson.loads(envelope.body)
    if "asked_at" in content:
        content["asked_at"] -= content["asked_at"] % DAY
    return Envelope(envelope.id, orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def own_names(resource: str, content: Json) -> list[str]:
    """What a record calls itself, by every name that it prints; empty for one that prints none."""
    return [found for field in IDS[resource] if (found := name(content.get(field)))]


def updated_at(content: Json) -> int | None:
    """The record's own time in whole seconds of Unix time; None where it prints none that can be read."""
    value = content.get("updated_at")
    if type(value) is not str:
        return None
    return date(value)


def _records(resource: str, answer: object) -> Iterator[object]:
    """One transfer is an array of one; one prescription stands in an object of its own."""
    if type(answer) is list:
        yield from answer
        return
    if type(answer) is dict:
        for field in _PAGES.get(resource, ()):
            if type(answer.get(field)) is list and not name(answer.get("id")):
                yield from answer[field]
                return
        if resource == "prescription" and type(answer.get("prescription")) is dict:
            answer = answer["prescription"]
    yield answer
