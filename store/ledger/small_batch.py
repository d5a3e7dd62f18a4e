"""Everything that follows from a few events, in one statement: there the round trips are what counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from store.ledger.entities import ENTITIES, standing
from store.ledger.event_facts import EVENT_FACTS
from store.ledger.facts import FACTS
from store.ledger.feed import CHANGES
from store.ledger.model import ChangeRow, EntityRow, EventFactRow, FactRow, PostingRow
from store.ledger.postings import POSTINGS

__all__ = ["write_small_batch"]

_WRITE = f"""
WITH new_facts AS (
    INSERT INTO facts ({FACTS.names}) SELECT {FACTS.values} FROM {FACTS.rows}
), new_event_facts AS (
    INSERT INTO event_facts ({EVENT_FACTS.names}) SELECT {EVENT_FACTS.values} FROM {EVENT_FACTS.rows}
), posted AS (
    INSERT INTO postings ({POSTINGS.names}) SELECT {POSTINGS.values} FROM {POSTINGS.rows}
    ON CONFLICT DO NOTHING RETURNING entity_id
), new_changes AS (
    INSERT INTO changes_unplaced ({CHANGES.names}) SELECT {CHANGES.values} FROM {CHANGES.rows}
), updated AS (
    UPDATE entities e SET {ENTITIES.assignments("id")} FROM {ENTITIES.rows} WHERE e.id = n.id
)
SELECT DISTINCT entity_id FROM posted
"""


def write_small_batch(
    conn: psycopg.Connection[Any],
    facts: Sequence[FactRow],
    event_facts: Sequence[EventFactRow],
    postings: Sequence[PostingRow],
    changes: Sequence[ChangeRow],
    entities: Sequence[EntityRow],
) -> set[int]:
    """New facts, which events state them, names, news for the feed, and where entities stand; without COPY.

    Returns the ids of the entities that got names which they did not have. Raises psycopg.Error.
    """
    parameters = {
        **FACTS.parameters(facts),
        **EVENT_FACTS.parameters(event_facts),
        **POSTINGS.parameters(postings),
        **CHANGES.parameters(changes),
        **ENTITIES.parameters([standing(row) for row in entities]),
    }
    return {entity_id for (entity_id,) in conn.execute(_WRITE, parameters)}
