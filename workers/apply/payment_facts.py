"""Facts of payments and of what they may be for, as their rechecks read and state them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import psycopg

from statemachine import Fact
from store.inbox.model import ClaimedCopy
from store.ledger import facts
from store.ledger.model import EntityRow, FactRow, fact_id
from workers.apply.model import Name, StatedFact, Tools
from workers.apply.payment_values import Known, payment_of

__all__ = [
    "CALLBACK_TYPE",
    "LAST_MILLISECOND",
    "derived",
    "facts_about_money",
    "facts_by_entity",
    "known_payments",
]

Connection = psycopg.Connection[Any]

#: What lists of events print as the type of a recheck.
CALLBACK_TYPE = "DERIVED"
#: What follows from the news of a second comes behind all that is printed with a millisecond of it.
LAST_MILLISECOND = 999
#: Of signals that have lines with a price, or with what it is the price of. A copay's records are among them.
FAMILIES = ("claim", "copay", "transfer", "seen")


def known_payments(conn: Connection, rows: Mapping[int, EntityRow], tools: Tools) -> dict[int, Known]:
    """What is known of these payments, by id."""
    by_payment = facts_by_entity(conn, rows)
    return {
        i: payment_of(row.key, row.state, row.since, by_payment[i], tools.sealer) for i, row in rows.items()
    }


def facts_by_entity(conn: Connection, ids: Iterable[int]) -> dict[int, list[FactRow]]:
    """Every fact of these entities, not locked, by the entity's id."""
    found: dict[int, list[FactRow]] = {i: [] for i in ids}
    if found:
        for row in facts.facts_of(conn, found):
            found[row.entity_id].append(row)
    return found


def facts_about_money(conn: Connection, ids: Iterable[int]) -> dict[int, list[FactRow]]:
    """What these requests owe and for what, as claims, successes and answers of copays tell it."""
    found: dict[int, list[FactRow]] = {i: [] for i in ids}
    if found:
        for row in facts.facts_telling(conn, found, ("order:success", "pa:approved"), FAMILIES):
            found[row.entity_id].append(row)
    return found


def derived(
    name: Name, fact: Fact, detail: Mapping[str, object], copy: ClaimedCopy, tools: Tools
) -> tuple[Name, StatedFact]:
    """What a recheck states of an entity. `detail` is sealed."""
    own = fact_id(fact)
    sealed = tools.sealer.seal(orjson.dumps(detail), own)
    said = (CALLBACK_TYPE, fact, own, None, sealed)
    return name, StatedFact(copy.seq, copy.id, copy.via, copy.received_at, *said)
