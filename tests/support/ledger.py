"""What a test does with a ledger: admit bodies, apply them, look at what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import psycopg

from statemachine import MACHINES, Step, Summary
from store.inbox.admit import admit_now
from store.inbox.model import Arrival
from store.ledger import aliases
from store.ledger.facts import facts_of
from store.ledger.model import fact_of
from workers.apply.batch import apply_queued, apply_rechecks
from workers.apply.model import Applied, Tools
from workers.apply.reread import reread

Body = dict[str, Any] | bytes


class Story(NamedTuple):
    """An entity's stored state beside the history that its facts fold to."""

    stored: Summary
    folded: Summary
    steps: list[Step]


class Ledger:
    """One connection, one ring of keys, one clock."""

    def __init__(self, conn: psycopg.Connection[Any], tools: Tools) -> None:
        self.conn = conn
        self.tools = tools

    def arrival(
        self,
        body: Body,
        *,
        partner: str = "truepill",
        via: str = "push",
        received_at: datetime | None = None,
        timeless: bool = False,
    ) -> Arrival:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        name = self.tools.keyed_hash.event_id(partner, via, "", raw)
        sealed = self.tools.sealer.seal(raw, name)
        return Arrival(name, partner, via, received_at or self.tools.clock(), sealed, timeless)

    def admit(self, *bodies: Body, via: str = "push", **given: Any) -> list[int]:
        """The inbox ids of those that are new; `given` as for an arrival."""
        given.setdefault("timeless", given.get("partner") == "healnow")
        batch = {a.id: a for a in (self.arrival(body, via=via, **given) for body in bodies)}
        seqs = admit_now(self.conn, list(batch.values()))
        return [seqs[name] for name in batch if name in seqs]

    def apply(self, *bodies: Body, via: str = "push", **given: Any) -> Applied:
        return apply_queued(self.conn, self.admit(*bodies, via=via, **given), self.tools)

    def settle(self) -> None:
        """Apply what is queued, what follows from it, and what is doubtful since."""
        while True:
            while seqs := self.queued():
                apply_queued(self.conn, seqs, self.tools)
                apply_rechecks(self.conn, seqs, self.tools)
            doubtful = aliases.stale_news(self.conn, 1000)
            if not doubtful:
                return
            reread(self.conn, doubtful, self.tools)

    def story(self, key: str, kind: str = "fill_request") -> Story:
        row = self.conn.execute(
            "SELECT id, state, extract(epoch FROM since)::bigint, moved_by, outcome, review, "
            "extract(epoch FROM last_at)::bigint, extract(epoch FROM due)::bigint, "
            "extract(epoch FROM waiting_since)::bigint "
            "FROM entities WHERE (kind, key) = (%s, %s)",
            (kind, key),
        ).fetchone()
        assert row is not None, f"there is no {kind} {key}"
        folded, steps = MACHINES[kind].fold([fact_of(fact) for fact in facts_of(self.conn, [row[0]])])
        return Story(Summary(*row[1:]), folded, steps)

    def state(self, key: str) -> str:
        return self.story(key).stored.state

    def count(self, table: str) -> int:
        row = self.conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def reasons(self) -> list[str]:
        return [reason for (reason,) in self.conn.execute("SELECT reason FROM quarantine ORDER BY seq")]

    def queued(self) -> list[int]:
        return [seq for (seq,) in self.conn.execute("SELECT seq FROM queue ORDER BY seq")]


def every_text(conn: psycopg.Connection[Any], tables: Iterable[str]) -> str:
    """All that stands in these tables as the server prints it, sealed columns as hex."""
    found = []
    for table in tables:
        found += [row[0] for row in conn.execute(f"SELECT t::text FROM {table} t")]
    return "\n".join(found)
