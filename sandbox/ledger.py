"""The truth: every event that was generated, every attempt to deliver it, and how that went.

`event.status` and `status_code` are what the partner tells as `delivery_data` of a pulled event: `pending`
until an attempt has ended, then `success` or `error` as the last one went. The reference states no values
beside `success` ("Get Webhook Events").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.plan import Attempt, Emitted, How
from sandbox.world import World

__all__ = ["Ended", "Event", "Ledger", "Sending", "Traced"]

EVENT = (
    "id, partner, environment, customer, kind, key, type, timestamp, body, pulled, status, status_code,"
    " surprise, contradicts"
)
#: What a query may compare, and the column that holds it.
COLUMNS = {
    "id": "key",
    "timestamp": "timestamp",
    "status": "status",
    "type": "type",
    "key": "key",
    "kind": "kind",
    "partner": "partner",
    "after": "(timestamp, id)",
}
OPERATORS = {"$eq": "=", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}


@dataclass(frozen=True, slots=True)
class Event:
    """`body` is the callback; `pulled` what a pull gives instead of it, None for its usual form.

    `surprise`: None, or what of it no reader of the reference can know: its `type` or its `code`.
    `contradicts`: it contradicts on purpose what was said before of the same thing.
    """

    id: int
    partner: str
    environment: str
    customer: str
    kind: str
    key: str
    type: str
    timestamp: int
    body: bytes
    pulled: bytes | None
    status: str
    status_code: int | None
    surprise: str | None = None
    contradicts: int = 0


@dataclass(frozen=True, slots=True)
class Sending:
    """An attempt that is to be made now."""

    id: int
    event: int
    customer: str
    partner: str
    entity: str
    body: bytes
    how: How


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt went: the answer's status, or the reason why there was none.

    `body` is told where it was another than the event's.
    """

    id: int
    event: int
    status_code: int | None
    error: str | None = None
    body: bytes | None = None

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Traced:
    """An event with the attempts that have ended, and how many have not."""

    event: Event
    attempts: list[Ended]
    waiting: int


class Ledger:
    """Uses the world's connection and its transactions. `generated`, `sent`, `delivered`: by this process."""

    def __init__(self, world: World) -> None:
        self.generated = self.sent = self.delivered = 0
        self._execute = world.connection.execute
        self._many = world.connection.executemany

    def add(
        self,
        partner: str,
        environment: str,
        customer: str,
        kind: str,
        key: str,
        type: str,
        timestamp: int,
        body: dict[str, Any],
        pulled: dict[str, Any] | None,
        surprise: str | None = None,
        contradicts: bool = False,
    ) -> Emitted:
        """Keep an event; its id is its place in the order in which events were generated."""
        self.generated += 1
        data = orjson.dumps(body)
        cursor = self._execute(
            "INSERT INTO event (partner, environment, customer, kind, key, type, timestamp, body, pulled,"
            " surprise, contradicts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                partner,
                environment,
                customer,
                kind,
                key,
                type,
                timestamp,
                data,
                None if pulled is None else orjson.dumps(pulled),
                surprise,
                contradicts,
            ),
        )
        return Emitted(cursor.lastrowid or 0, environment, customer, kind, key, type, timestamp, data)

    def plan(self, event: Emitted, now: float, attempts: Sequence[Attempt]) -> None:
        """Keep what is to be sent. No attempt at all is a callback that the partner lost."""
        if not attempts:
            self._execute("UPDATE event SET status = 'error' WHERE id = ?", (event.id,))
        for attempt in attempts:
            self._execute(
                "INSERT INTO attempt (event, due, how, body) VALUES (?, ?, ?, ?)",
                (event.id, now + attempt.after, attempt.how, attempt.body),
            )

    def take(self, now: float, limit: int) -> list[Sending]:
        """Attempts that are due, the earliest first; they count as under way from now on."""
        if limit <= 0:
            return []
        rows = self._execute(
            "SELECT a.id, a.event, e.customer, e.partner, e.kind || ' ' || e.key,"
            " coalesce(a.body, e.body), a.how"
            " FROM attempt a JOIN event e ON e.id = a.event WHERE a.state = 'waiting' AND a.due <= ?"
            " ORDER BY a.due, a.id LIMIT ?",
            (now, limit),
        ).fetchall()
        self._many("UPDATE attempt SET state = 'sending' WHERE id = ?", [(row[0],) for row in rows])
        return [Sending(*row) for row in rows]

    def next_attempt(self) -> float | None:
        """When the next waiting attempt is due."""
        row = self._execute(
            "SELECT due FROM attempt WHERE state = 'waiting' ORDER BY due, id LIMIT 1"
        ).fetchone()
        return float(row[0]) if row else None

    def record(self, ended: Iterable[Ended]) -> None:
        """Keep how attempts went."""
        rows = list(ended)
        self.sent += len(rows)
        self.delivered += sum(row.delivered for row in rows)
        self._many(
            "UPDATE attempt SET state = 'done', status_code = ?, error = ? WHERE id = ?",
            [(row.status_code, row.error, row.id) for row in rows],
        )
        self._many(
            "UPDATE event SET status = ?, status_code = ? WHERE id = ?",
            [("success" if row.delivered else "error", row.status_code, row.event) for row in rows],
        )

    def unsent(self) -> int:
        """How many attempts have not ended."""
        (count,) = self._execute("SELECT count(*) FROM attempt WHERE state <> 'done'").fetchone()
        return int(count)

    def find(self, customer: str, conditions: Iterable[tuple[str, str, Any]], limit: int) -> list[Event]:
        """A customer's events by (field, operator, value), all of which hold, in ascending time."""
        where, values = ["customer = ?"], [customer]
        for field, operator, value in conditions:
            row = isinstance(value, list | tuple)
            where.append(f"{COLUMNS[field]} {OPERATORS[operator]} {'(?, ?)' if row else '?'}")
            values.extend(value if row else (value,))
        rows = self._execute(
            f"SELECT {EVENT} FROM event WHERE {' AND '.join(where)} ORDER BY timestamp, id LIMIT ?",
            (*values, limit),
        )
        return [Event(*row) for row in rows]

    def waiting(self) -> int:
        """How many attempts have not begun. Cheap, unlike `unsent`."""
        (count,) = self._execute("SELECT count(*) FROM attempt WHERE state = 'waiting'").fetchone()
        return int(count)

    def truth(self, after: int, limit: int) -> list[Traced]:
        """All events behind an id, in the order of their making, with their attempts."""
        return self._traced("id > ? ORDER BY id LIMIT ?", after, limit)

    def truth_of(self, kind: str, keys: Sequence[str]) -> list[Traced]:
        """The events that were generated under these keys, in the order of their making."""
        return self._traced(f"kind = ? AND key IN ({', '.join('?' * len(keys))}) ORDER BY id", kind, *keys)

    def _traced(self, where: str, *values: Any) -> list[Traced]:
        events = [Event(*row) for row in self._execute(f"SELECT {EVENT} FROM event WHERE {where}", values)]
        ended: dict[int, list[Ended]] = {event.id: [] for event in events}
        waiting = dict.fromkeys(ended, 0)
        if events:
            for *row, state in self._execute(
                "SELECT id, event, status_code, error, body, state FROM attempt"
                " WHERE event BETWEEN ? AND ? ORDER BY id",
                (events[0].id, events[-1].id),
            ):
                if row[1] not in ended:
                    continue
                if state == "done":
                    ended[row[1]].append(Ended(*row))
                else:
                    waiting[row[1]] += 1
        return [Traced(event, ended[event.id], waiting[event.id]) for event in events]

    # Pages that were promised.

    def keep_page(self, token: str, customer: str, query: list[Any], made: float) -> None:
        self._execute(
            "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?)",
            (token, customer, orjson.dumps(query), int(made)),
        )

    def page(self, token: str, customer: str) -> list[Any] | None:
        """The query that a `next_page_token` of this customer goes on with."""
        row: tuple[bytes] | None = self._execute(
            "SELECT query FROM page WHERE token = ? AND customer = ?", (token, customer)
        ).fetchone()
        found: list[Any] | None = orjson.loads(row[0]) if row else None
        return found
