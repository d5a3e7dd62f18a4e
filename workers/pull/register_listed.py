"""Fill requests that the partner lists and that nobody told us of: they are registered, and then asked about.

A request of which every callback was lost, and which nobody registered, leaves no trace here. Where the
partner lists its fill requests (its live contract) it is found. What the list says of its state is not
taken: the request's own events say more, and when it happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from partners.fields import text
from partners.truepill.answers import names_of
from partners.truepill.pages import Pulled
from store.ledger.registration import register, unknown
from workers.apply.model import Tools
from workers.pull.store_page import Store, Stored

__all__ = ["KIND", "register_listed"]

KIND = "fill_request"


def register_listed(listed: Sequence[Pulled], tools: Tools) -> Store:
    """Registers what is not known yet of a page of listed requests, as of when each was made."""
    rows = {str(row["request_id"]): (row, one.at) for one in listed for row in (orjson.loads(one.body),)}

    def store(conn: psycopg.Connection[Any]) -> Stored:
        new = sorted(unknown(conn, KIND, rows))
        for key in new:
            row, at = rows[key]
            links, aliases = names_of(KIND, key, {}, {}, text(row.get("metadata")))
            now = tools.clock()
            made = now if at is None else min(now, datetime.fromtimestamp(at, UTC))
            register(conn, tools.keyed_hash, KIND, key, links=links, aliases=aliases, now=made)
        return Stored(len(new), [])

    return store
