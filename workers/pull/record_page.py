"""From records that were read into the inbox, as every copy comes there: what is known already stays out.

A record without a time in its envelope is the same body as long as it stands still, so one look-up says of a
page of them which are news.
"""

from __future__ import annotations

from collections.abc import Sequence

from partners.envelopes import Envelope
from store.inbox.admit import known_ids
from store.inbox.model import Arrival
from workers.pull.run import Run
from workers.pull.store_page import SealedPage

__all__ = ["VIA", "new_records"]

VIA = "snapshot"


def new_records(run: Run, found: Sequence[Envelope]) -> SealedPage:
    """Those records that never came before, sealed, each once. Raises psycopg.Error."""
    tools = run.tools
    named = {tools.keyed_hash.event_id(run.partner, VIA, one.id, one.body): one.body for one in found}
    known = known_ids(run.conn, list(named)) if named else set()
    fresh = [(body, name) for name, body in named.items() if name not in known]
    now = tools.clock()
    arrivals = [
        Arrival(name, run.partner, VIA, now, sealed)
        for (_, name), sealed in zip(fresh, tools.sealer.seal_all(fresh), strict=True)
    ]
    return SealedPage(arrivals, {})
