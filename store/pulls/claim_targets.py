"""Which claims may be a fill's: of its prescriptions, and of which fills of these. Read only.

The partner gives claims by prescription and number of the fill ("Get Insurance Claim Details"), and prints
neither with a fill that is still open. Fills are counted from 0 by an order and from 1 by a copay.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from store.crypto.keyed_hash import KeyedHash
from store.db import arrays
from store.ledger import derivations

__all__ = ["ClaimTargets", "claim_targets"]

FILL, PRESCRIPTION = "fill_request", "prescription"


class ClaimTargets(NamedTuple):
    """`first_at`: when the fill was first heard of. `fills`: tokens of its prescriptions, each with how many
    other fills of it are known to have succeeded.
    """

    first_at: datetime
    fills: list[tuple[str, int]]


_FILL = """
SELECT e.id,
       least(e.first_seen, e.registered_at, (SELECT min(occurred_at) FROM facts WHERE entity_id = e.id)),
       ARRAY(SELECT DISTINCT line ->> 1 FROM facts f CROSS JOIN LATERAL jsonb_array_elements(f.lines) AS line
             WHERE f.entity_id = e.id AND line ->> 1 IS NOT NULL ORDER BY 1)
FROM entities e WHERE (e.kind, e.key) = (%(kind)s, %(key)s)
"""
# From the token's name to the fills that carry it: what an order's success lists was filled. What is behind
# OFFSET 0 or a LIMIT is looked up for each, whatever the statistics say.
_FILLED = """
SELECT n.token, count(filled.id)
FROM unnest(%(tokens)s::text[], %(hashes)s::uuid[]) AS n (token, hash)
LEFT JOIN LATERAL (
    SELECT e.id FROM (
        SELECT entity_id FROM postings WHERE hash = n.hash AND entity_id <> %(id)s LIMIT %(crowd)s
    ) p
    CROSS JOIN LATERAL (SELECT id FROM entities WHERE id = p.entity_id AND kind = %(kind)s OFFSET 0) e
    WHERE EXISTS (
        SELECT FROM facts f CROSS JOIN LATERAL jsonb_array_elements(f.lines) AS line
        WHERE f.entity_id = e.id AND f.signal = 'order:success' AND line ->> 1 = n.token OFFSET 0
    )
) filled ON true
GROUP BY n.token ORDER BY n.token
"""


def claim_targets(conn: psycopg.Connection[Any], keyed_hash: KeyedHash, key: str) -> ClaimTargets | None:
    """Those of the fill of this key: of its facts' lines, and of the prescriptions that share a name with it.

    None where there is no such fill. Raises psycopg.Error.
    """
    row = conn.execute(_FILL, {"kind": FILL, "key": key}).fetchone()
    if row is None:
        return None
    entity_id, first_at, tokens = row
    shared = derivations.sharing(conn, [entity_id], PRESCRIPTION, [PRESCRIPTION])
    known = sorted({*tokens, *[one.key for _, one in shared]})
    if not known:
        return ClaimTargets(first_at, [])
    hashes = [str(UUID(bytes=keyed_hash.link(PRESCRIPTION, token))) for token in known]
    values: dict[str, object] = {"tokens": arrays.texts(known), "hashes": arrays.texts(hashes)}
    values |= {"kind": FILL, "id": entity_id, "crowd": derivations.CROWD}
    return ClaimTargets(first_at, [(token, number) for token, number in conn.execute(_FILLED, values)])
