"""What the sandbox knows, in one SQLite database: records, and what is to happen when.

A file survives a restart; `:memory:` does not. One connection, one thread, one transaction a turn.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sandbox.ids import Ids
from sandbox.schema import ADDED, INDEX_BY_KEY, SCHEMA, VERSION

__all__ = ["Due", "Record", "StateError", "World"]

SELECT = "SELECT environment, customer, kind, token, created, document, owner, look, number FROM record WHERE"


class StateError(Exception):
    """The state file cannot be used; the text says why."""


@dataclass(slots=True)
class Record:
    """Anything with a token: `owner` is whose it is (a patient's token), `look` another key to find it by.

    `number` is its place in the order in which records were made.
    """

    environment: str
    customer: str
    kind: str
    token: str
    created: float
    document: dict[str, Any]
    owner: str = ""
    look: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """A step whose time has come."""

    id: int
    due: float
    name: str
    customer: str
    kind: str
    token: str
    data: dict[str, Any]


class World:
    """Open with a path, or None for memory. Raises StateError."""

    def __init__(self, path: Path | None = None, seed: int | None = None) -> None:
        if path:
            try:
                path.touch(0o600)
            except OSError as error:
                raise StateError(f"{path} cannot be used as the sandbox's state: {error.strerror}") from None
        self.connection = sqlite3.connect(
            path or ":memory:",
            timeout=1.0,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,
        )
        self._execute = self.connection.execute
        try:
            self._open(path is not None)
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise StateError(f"{path} cannot be used as the sandbox's state: {error}") from None
        if seed is not None:
            self._keep_once("seed", seed)
        # Drawn when none is given: a sandbox that has forgotten everything must not give old tokens again.
        self._keep_once("seed", secrets.randbits(62))
        self.ids = Ids(int(self.meta("seed", 0)), int(self.meta("counter", 0)))

    def _open(self, in_file: bool) -> None:
        if in_file:
            # One sandbox at a time.
            self._execute("PRAGMA locking_mode=EXCLUSIVE")
            self._execute("PRAGMA journal_mode=WAL")
            self._execute("PRAGMA synchronous=NORMAL")
        (version,) = self._execute("PRAGMA user_version").fetchone()
        if version == 0:
            self.connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise sqlite3.DatabaseError("it was written by another version")
        columns = {row[1] for row in self._execute("PRAGMA table_info(event)")}
        for name, statement in ADDED.items():
            if name not in columns:
                self._execute(statement)
        self._execute(INDEX_BY_KEY)
        # What was under way when the last run ended: whether it arrived nobody knows, so it goes again.
        self._execute("UPDATE attempt SET state = 'waiting' WHERE state = 'sending'")

    def close(self) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; not nested."""
        before = self.ids.counter
        self._execute("BEGIN")
        try:
            yield
            if self.ids.counter != before:
                self._execute("INSERT OR REPLACE INTO meta VALUES ('counter', ?)", (self.ids.counter,))
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """All or nothing, within a transaction."""
        self._execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO part")
            raise
        finally:
            self._execute("RELEASE part")

    def meta(self, name: str, default: Any = None) -> Any:
        row = self._execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def _keep_once(self, name: str, value: Any) -> None:
        self._execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))

    # Records.

    def get(self, environment: str, kind: str, token: str) -> Record | None:
        """Whichever customer's it is."""
        rows = self._records("token = ?", "", environment, kind, token)
        return rows[0] if rows else None

    def owned(self, environment: str, kind: str, owner: str) -> list[Record]:
        """In the order in which they were made."""
        return self._records("owner = ? AND owner <> ''", "ORDER BY number", environment, kind, owner)

    def look(self, environment: str, kind: str, look: str) -> list[Record]:
        """In the order in which they were made."""
        return self._records("look = ? AND look <> ''", "ORDER BY number", environment, kind, look)

    def _records(self, where: str, order: str, environment: str, kind: str, value: str) -> list[Record]:
        rows = self._execute(
            f"{SELECT} environment = ? AND kind = ? AND {where} {order}",
            (environment, kind, value),
        )
        return [_record(row) for row in rows]

    def listed(self, customer: str, kind: str, after: int, limit: int) -> list[Record]:
        """A customer's own, in the order in which they were made, behind this number."""
        rows = self._execute(
            f"{SELECT} customer = ? AND kind = ? AND number > ? ORDER BY number LIMIT ?",
            (customer, kind, after, limit),
        )
        return [_record(row) for row in rows]

    def paged(
        self, customer: str, kind: str, skip: int, limit: int, status: str | None = None
    ) -> list[Record]:
        """A customer's own, in the order in which they were made; `status`: only those that have it."""
        with_status = "AND json_extract(CAST(document AS TEXT), '$.status') = ?" if status else ""
        rows = self._execute(
            f"{SELECT} customer = ? AND kind = ? {with_status} ORDER BY number LIMIT ? OFFSET ?",
            (customer, kind, *([status] if status else []), limit, skip),
        )
        return [_record(row) for row in rows]

    def scattered(self, environment: str, customer: str, kind: str, skip: int, limit: int) -> list[Record]:
        """A customer's own, in the order of their tokens: new ones land anywhere among them."""
        # The sign keeps the index by token, which gives the order.
        rows = self._execute(
            f"{SELECT} environment = ? AND kind = ? AND +customer = ? ORDER BY token LIMIT ? OFFSET ?",
            (environment, kind, customer, limit, skip),
        )
        return [_record(row) for row in rows]

    def numbered(self, kind: str, after: int, limit: int) -> list[Record]:
        """Of all customers, in the order in which they were made, behind this number."""
        rows = self._execute(
            f"{SELECT} number > ? AND kind = ? ORDER BY number LIMIT ?",
            (after, kind, limit),
        )
        return [_record(row) for row in rows]

    def how_many(self, environment: str, customer: str, kind: str) -> int:
        """Of a customer's own."""
        (count,) = self._execute(
            "SELECT count(*) FROM record WHERE environment = ? AND customer = ? AND kind = ?",
            (environment, customer, kind),
        ).fetchone()
        return int(count)

    def put(self, record: Record) -> None:
        """Make it, or keep what changed of it."""
        self._execute(
            "INSERT INTO record"
            " (environment, kind, token, customer, owner, look, created, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, kind, token) DO UPDATE"
            " SET owner = excluded.owner, look = excluded.look, document = excluded.document",
            (
                record.environment,
                record.kind,
                record.token,
                record.customer,
                record.owner,
                record.look,
                record.created,
                orjson.dumps(record.document),
            ),
        )

    def delete(self, record: Record) -> None:
        self._execute(
            "DELETE FROM record WHERE environment = ? AND kind = ? AND token = ?",
            (record.environment, record.kind, record.token),
        )

    def newest(self) -> float:
        """The latest time of anything that has happened here; 0 when nothing has."""
        (newest,) = self._execute(
            "SELECT max((SELECT coalesce(max(created), 0) FROM record),"
            " (SELECT coalesce(max(timestamp), 0) FROM event))"
        ).fetchone()
        return float(newest)

    # Steps.

    def plan_step(
        self, due: float, name: str, customer: str, kind: str, token: str, data: dict[str, Any]
    ) -> None:
        self._execute(
            "INSERT INTO step (due, name, customer, kind, token, data) VALUES (?, ?, ?, ?, ?, ?)",
            (due, name, customer, kind, token, orjson.dumps(data)),
        )

    def drop_steps(self, customer: str, kind: str, token: str) -> None:
        """Nothing more happens to this record by itself."""
        self._execute(
            "DELETE FROM step WHERE customer = ? AND kind = ? AND token = ?", (customer, kind, token)
        )

    def take_step(self, now: float) -> Due | None:
        """Take out the earliest step that is due; of equal times the one that was planned first."""
        row = self._execute(
            "SELECT id, due, name, customer, kind, token, data FROM step WHERE due <= ?"
            " ORDER BY due, id LIMIT 1",
            (now,),
        ).fetchone()
        if row is None:
            return None
        self._execute("DELETE FROM step WHERE id = ?", (row[0],))
        number, due, name, customer, kind, token, data = row
        return Due(number, due, name, customer, kind, token, orjson.loads(data))

    def next_step(self) -> float | None:
        """When the next step is due."""
        row = self._execute("SELECT due FROM step ORDER BY due, id LIMIT 1").fetchone()
        return float(row[0]) if row else None

    def steps_until(self, moment: float) -> int:
        """How many steps are due by then."""
        (count,) = self._execute("SELECT count(*) FROM step WHERE due <= ?", (moment,)).fetchone()
        return int(count)

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        tables = ("record", "step", "event", "attempt")
        return {name: self._execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def _record(row: tuple[Any, ...]) -> Record:
    environment, customer, kind, token, created, document, *rest = row
    return Record(environment, customer, kind, token, created, orjson.loads(document), *rest)
