"""What applying writes: facts, what events state, and where entities stand. One statement each.

A batch of many events copies its rows in, which costs the server least; a batch of a few writes everything in
one statement, since there the round trips are what takes time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from struct import Struct
from typing import Any, NamedTuple

import psycopg

from store.db import arrays, binary_copy
from store.ledger.entities import EntityRow, FactRow, OutcomeRow

__all__ = [
    "ChangeRow",
    "PostingRow",
    "add_changes",
    "add_outcomes",
    "add_postings",
    "delete_facts",
    "first_postings",
    "insert_facts",
    "update_entities",
    "update_facts",
    "write_few",
]

Connection = psycopg.Connection[Any]


class PostingRow(NamedTuple):
    """An entity's bodies carry a name, given by its keyed hash (16 bytes)."""

    hash: bytes
    entity_id: int
    domain: str


class ChangeRow(NamedTuple):
    """An entity stands elsewhere than before; `before` is None for one that was not known."""

    entity_id: int
    before: str | None
    after: str
    outcome: str | None
    review: str | None
    since: int | None


_FACT_COLUMNS = (
    "entity_id, fact_id, occurred_at, signal, code, discriminator, lines, detail, via, events, preferred, "
    "preferred_via, received_at, due, pushed_at, pulled_at"
)
# Sixteen fields, of which the first three are as long in every row: entity_id, fact_id, occurred_at.
_fact_head = Struct(">hiqi16siq").pack
_uuid = Struct(">i16s").pack
_NO_DISCRIMINATOR = binary_copy.blob(b"")


def _packed(row: FactRow) -> bytes:
    (
        entity_id,
        fact_id,
        occurred_at,
        signal,
        code,
        discriminator,
        lines,
        detail,
        via,
        events,
        preferred,
        preferred_via,
        received_at,
        due,
        pushed_at,
        pulled_at,
    ) = row
    received = binary_copy.moment(received_at)
    return b"".join(
        (
            _fact_head(
                16, 8, entity_id, 16, fact_id, 8, (occurred_at - binary_copy.EPOCH_SECONDS) * 1_000_000
            ),
            binary_copy.word(signal),
            binary_copy.word(code),
            binary_copy.blob(discriminator) if discriminator else _NO_DISCRIMINATOR,
            binary_copy.json(lines),
            binary_copy.blob(detail),
            binary_copy.words(via),
            binary_copy.uuids(events),
            _uuid(16, preferred),
            binary_copy.word(preferred_via),
            received,
            binary_copy.second(due),
            _came(pushed_at, received_at, received),
            _came(pulled_at, received_at, received),
        )
    )


def _came(at: datetime | None, received_at: datetime, received: bytes) -> bytes:
    """When the first copy of a way came: mostly the only copy there is."""
    if at is None:
        return binary_copy.NULL
    return received if at is received_at else binary_copy.moment(at)


def insert_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts that the entity, which is locked, does not have."""
    binary_copy.copy(conn, "facts", _FACT_COLUMNS, map(_packed, rows))


_UPDATE_FACTS = """
UPDATE facts f
SET lines = n.lines, detail = decode(n.detail, 'hex'), via = string_to_array(n.via, ','),
    events = string_to_array(n.events, ',')::uuid[], preferred = n.preferred, preferred_via = n.preferred_via,
    received_at = n.received_at, due = to_timestamp(n.due), pushed_at = n.pushed_at, pulled_at = n.pulled_at
FROM unnest(%s::bigint[], %s::uuid[], %s::jsonb[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[],
            %s::timestamptz[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
    AS n (entity_id, fact_id, lines, detail, via, events, preferred, preferred_via, received_at, due,
          pushed_at, pulled_at)
WHERE f.entity_id = n.entity_id AND f.fact_id = n.fact_id
"""


def _contents(rows: Sequence[FactRow]) -> tuple[str, ...]:
    """A fact's name and all that is not its identity, as arrays."""
    return (
        arrays.numbers([r.entity_id for r in rows]),
        arrays.texts([r.fact_id.hex() for r in rows]),
        arrays.texts([r.lines for r in rows]),
        arrays.texts([None if r.detail is None else r.detail.hex() for r in rows]),
        arrays.texts([",".join(r.via) for r in rows]),
        arrays.texts([",".join([e.hex() for e in r.events]) for r in rows]),
        arrays.texts([r.preferred.hex() for r in rows]),
        arrays.texts([r.preferred_via for r in rows]),
        arrays.texts([r.received_at.isoformat() for r in rows]),
        arrays.numbers([r.due for r in rows]),
        arrays.texts([None if r.pushed_at is None else r.pushed_at.isoformat() for r in rows]),
        arrays.texts([None if r.pulled_at is None else r.pulled_at.isoformat() for r in rows]),
    )


def update_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts of which another copy has come, or one was taken away."""
    conn.execute(_UPDATE_FACTS, _contents(rows))


def delete_facts(conn: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """Facts that no event states any more, by (entity id, fact id)."""
    conn.execute(
        "DELETE FROM facts f USING unnest(%s::bigint[], %s::uuid[]) AS n (entity_id, fact_id) "
        "WHERE f.entity_id = n.entity_id AND f.fact_id = n.fact_id",
        (arrays.numbers([e for e, _ in rows]), arrays.texts([f.hex() for _, f in rows])),
    )


_UPDATE_ENTITIES = """
UPDATE entities e
SET state = n.state, since = to_timestamp(n.since), moved_by = n.moved_by, outcome = n.outcome,
    review = n.review, last_at = to_timestamp(n.last_at), due = to_timestamp(n.due),
    deadline = to_timestamp(n.deadline)
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[],
            %s::bigint[], %s::bigint[])
    AS n (id, state, since, moved_by, outcome, review, last_at, due, deadline)
WHERE e.id = n.id
"""


def _states(rows: Sequence[EntityRow]) -> tuple[str, ...]:
    return (
        arrays.numbers([r.id for r in rows]),
        arrays.texts([r.state for r in rows]),
        arrays.numbers([r.since for r in rows]),
        arrays.texts([r.moved_by for r in rows]),
        arrays.texts([r.outcome for r in rows]),
        arrays.texts([r.review for r in rows]),
        arrays.numbers([r.last_at for r in rows]),
        arrays.numbers([r.due for r in rows]),
        arrays.numbers([r.deadline for r in rows]),
    )


def update_entities(conn: Connection, rows: Sequence[EntityRow]) -> None:
    conn.execute(_UPDATE_ENTITIES, _states(rows))


_outcome_head = Struct(">hiqiqi16s").pack


def add_outcomes(conn: Connection, rows: Sequence[OutcomeRow]) -> None:
    """What events state that they were not known to state."""
    packed = (
        _outcome_head(4, 8, seq, 8, entity_id, 16, fact_id) + binary_copy.word(callback_type)
        for seq, entity_id, fact_id, callback_type in rows
    )
    binary_copy.copy(conn, "outcomes", "seq, entity_id, fact_id, callback_type", packed)


# The same four writes in one statement: for a batch of a few events what counts is the number of round trips.
_WRITE_FEW = """
WITH stated AS (
    INSERT INTO facts (entity_id, fact_id, occurred_at, signal, code, discriminator, lines, detail, via,
                       events, preferred, preferred_via, received_at, due, pushed_at, pulled_at)
    SELECT entity_id, fact_id, to_timestamp(occurred_at), signal, code, decode(discriminator, 'hex'), lines,
           decode(detail, 'hex'), string_to_array(via, ','), string_to_array(events, ',')::uuid[], preferred,
           preferred_via, received_at, to_timestamp(due), pushed_at, pulled_at
    FROM unnest(%s::bigint[], %s::uuid[], %s::jsonb[], %s::text[], %s::text[], %s::text[], %s::uuid[],
                %s::text[], %s::timestamptz[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                %s::bigint[], %s::text[], %s::text[], %s::text[])
        AS n (entity_id, fact_id, lines, detail, via, events, preferred, preferred_via, received_at, due,
              pushed_at, pulled_at, occurred_at, signal, code, discriminator)
), told AS (
    INSERT INTO outcomes (seq, entity_id, fact_id, callback_type)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[], %s::text[])
), posted AS (
    INSERT INTO postings (hash, entity_id, domain) SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::text[])
    ON CONFLICT DO NOTHING RETURNING entity_id
), changed AS (
    INSERT INTO changes_unplaced (entity_id, from_state, to_state, outcome, review, since)
    SELECT entity_id, from_state, to_state, outcome, review, to_timestamp(since)
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
        AS n (entity_id, from_state, to_state, outcome, review, since)
), stands AS (
    UPDATE entities e
    SET state = n.state, since = to_timestamp(n.since), moved_by = n.moved_by, outcome = n.outcome,
        review = n.review, last_at = to_timestamp(n.last_at), due = to_timestamp(n.due),
        deadline = to_timestamp(n.deadline)
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[],
                %s::bigint[], %s::bigint[])
        AS n (id, state, since, moved_by, outcome, review, last_at, due, deadline)
    WHERE e.id = n.id
)
SELECT DISTINCT entity_id FROM posted
"""


def write_few(
    conn: Connection,
    facts: Sequence[FactRow],
    outcomes: Sequence[OutcomeRow],
    links: Sequence[PostingRow],
    news: Sequence[ChangeRow],
    changed: Sequence[EntityRow],
) -> set[int]:
    """Everything that follows from a few events, in one statement and without COPY.

    Returns the ids of the entities that got names which they did not have.
    """
    identities = (
        arrays.numbers([r.occurred_at for r in facts]),
        arrays.texts([r.signal for r in facts]),
        arrays.texts([r.code for r in facts]),
        arrays.texts([r.discriminator.hex() for r in facts]),
    )
    told = (
        arrays.numbers([r.seq for r in outcomes]),
        arrays.numbers([r.entity_id for r in outcomes]),
        arrays.texts([r.fact_id.hex() for r in outcomes]),
        arrays.texts([r.callback_type for r in outcomes]),
    )
    parameters = (*_contents(facts), *identities, *told, *_posted(links), *_told(news), *_states(changed))
    return {entity_id for (entity_id,) in conn.execute(_WRITE_FEW, parameters)}


_posting_head = Struct(">hi16siq").pack


def first_postings(conn: Connection, carried: Mapping[int, Iterable[tuple[bytes, str]]]) -> None:
    """The names that the bodies of new entities carry, as (hash, domain), each once.

    Nobody can have written them before.
    """
    # Sorted, which is the order of the hashes: neighbours of the index are written together.
    packed = sorted(
        [
            _posting_head(3, 16, name, 8, entity_id) + binary_copy.word(domain)
            for entity_id, names in carried.items()
            for name, domain in names
        ]
    )
    binary_copy.copy(conn, "postings", "hash, entity_id, domain", packed)


def add_postings(conn: Connection, rows: Sequence[PostingRow]) -> set[int]:
    """The names that entities' bodies carry; one that is known already stays as it is.

    Returns the ids of the entities that got names which they did not have.
    """
    added = conn.execute(
        "INSERT INTO postings (hash, entity_id, domain) "
        "SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) "
        "ON CONFLICT DO NOTHING RETURNING entity_id",
        _posted(rows),
    )
    return {entity_id for (entity_id,) in added}


def _posted(rows: Sequence[PostingRow]) -> tuple[str, ...]:
    return (
        arrays.texts([r.hash.hex() for r in rows]),
        arrays.numbers([r.entity_id for r in rows]),
        arrays.texts([r.domain for r in rows]),
    )


_change_head = Struct(">hiq").pack


def add_changes(conn: Connection, rows: Sequence[ChangeRow]) -> None:
    """News for the feed; each gets its place there once it is visible (`store.ledger.feed`)."""
    packed = (
        _change_head(6, 8, entity_id)
        + binary_copy.word(before)
        + binary_copy.word(after)
        + binary_copy.word(outcome)
        + binary_copy.text(review)
        + binary_copy.second(since)
        for entity_id, before, after, outcome, review, since in rows
    )
    binary_copy.copy(
        conn, "changes_unplaced", "entity_id, from_state, to_state, outcome, review, since", packed
    )


def _told(rows: Sequence[ChangeRow]) -> tuple[str, ...]:
    return (
        arrays.numbers([r.entity_id for r in rows]),
        arrays.texts([r.before for r in rows]),
        arrays.texts([r.after for r in rows]),
        arrays.texts([r.outcome for r in rows]),
        arrays.texts([r.review for r in rows]),
        arrays.numbers([r.since for r in rows]),
    )
