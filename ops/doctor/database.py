"""The checks of `doctor` that ask PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ops.doctor.checks import Check
from ops.render.reasons import explain
from ops.render.tables import age
from settings import Database, Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
from store.db import partitions
from store.db.connections import PoolerNoticed, connect
from store.db.migrate import current, head
from store.reports import events, figures, queries
from store.reports.server import ServerState, server_state, takes_writes, withheld
from store.schema import metadata

__all__ = ["database"]

OLDEST_VERSION = 140_000
MONTHS_AHEAD = 2
LAG_WARN, LAG_FAIL = 60.0, 600.0
#: A swept hint gets 15 s, and the sweeper comes every 5 s: due for longer means that nobody sweeps.
UNSWEPT = 60.0
KEYS_OF_NEWEST = 500
#: From here on a server of version 14 or later vacuums without any pause, by default.
UNVACUUMED = 1_600_000_000
VACUUM = (
    "VACUUM every database of this server, as a superuser; before that end what holds it back: transactions "
    "open for long, prepared ones (pg_prepared_xacts), replication slots that nobody reads."
)


def database(settings: Settings) -> Iterator[Check]:
    """Every check of the database; only the first ones when it cannot be reached or used."""
    if settings.database_url is None:
        return
    try:
        with queries.snapshot(settings.database) as conn:
            reached = _version(conn, settings.database)
    except SQLAlchemyError as error:
        text = " ".join(str(getattr(error, "orig", error)).split())
        todo = "Start the server, or correct DATABASE_URL."
        if isinstance(getattr(error, "orig", None), PoolerNoticed):
            todo = "For every process: what is said for a session is lost there, or reaches other clients."
        yield Check("postgresql", "fail", text, todo)
        return
    yield reached
    with connect(settings.database, "receiver") as receiving:
        state = server_state(receiving)
        refused = not (state.standby or state.read_only or takes_writes(receiving))
    yield _writable(state, refused)
    yield _durable(state)
    schema = _schema(settings.database)
    yield schema
    if schema.status == "fail":
        return
    yield _rights(settings.database)
    yield _partitions(settings.database)
    with queries.snapshot(settings.database) as conn:
        yield from _queue(conn, figures.server_time(conn))
        yield _quarantine(conn)
        yield from _keys(conn, settings)


def _version(conn: Connection, at: Database) -> Check:
    number, printed = figures.server_version(conn)
    if number < OLDEST_VERSION:
        return Check("postgresql", "fail", f"it is version {printed}", "Use PostgreSQL 14 or later.")
    through = ", through a pooler" if at.pooled else ""
    return Check("postgresql", "ok", f"it answers, version {printed}{through}")


def _writable(state: ServerState, refused: bool) -> Check:
    if refused:
        text = "it has no number left for a transaction: nothing can be written, and the receiver spools"
        return Check("writable", "fail", text, VACUUM)
    if not (state.standby or state.read_only):
        if state.unvacuumed < UNVACUUMED:
            return Check("writable", "ok", "it takes writes")
        text = (
            f"its oldest transaction is {state.unvacuumed:,} back: at about 2,100,000,000 it refuses to write"
        )
        return Check("writable", "warn", text, VACUUM)
    if state.standby:
        text = "it is a standby: nothing can be written, and the receiver spools"
        todo = "Name every host in DATABASE_URL with target_session_attrs=read-write, or promote this one."
    else:
        text = "default_transaction_read_only is on: nothing can be written, and the receiver spools"
        todo = "Turn it off for the server, this database and this role."
    return Check("writable", "fail", text, todo)


def _durable(state: ServerState) -> Check:
    """Whether 200 means that the body is on disk. What a COMMIT waits for is said with each (decision 21)."""
    off = [name for name in ("fsync", "full_page_writes") if not getattr(state, name)]
    if off:
        text = (
            f"200 is not durable on this server: {' and '.join(off)} {'is' if len(off) == 1 else 'are'} off"
        )
        return Check(
            "durability", "fail", text, "Turn it on and restart: a crash may lose what was answered."
        )
    usual = state.synchronous_commit
    return Check(
        "durability", "ok", f"200 waits for the disk (each COMMIT is told so; the default is {usual})"
    )


def _schema(at: Database) -> Check:
    have, want = current(at), head()
    if have == want:
        return Check("schema", "ok", f"it is at {have}")
    todo = "Run `rxledger migrate`; if the database is ahead, upgrade this installation."
    return Check("schema", "fail", f"it is at {have or 'nothing'}, this version wants {want}", todo)


def _rights(at: Database) -> Check:
    with connect(at, "ops") as conn:
        closed = withheld(conn, sorted(metadata.tables))
    if not closed:
        return Check("rights", "ok", "this role may write to every table")
    text = f"this role may not write to {len(closed)} tables, such as {closed[0]}"
    todo = "GRANT SELECT, INSERT, UPDATE, DELETE on the tables of rxledger to the role in DATABASE_URL."
    return Check("rights", "fail", text, todo)


def _partitions(at: Database) -> Check:
    with connect(at, "ops") as conn:
        ahead, stray = partitions.ahead(conn), partitions.stray_rows(conn)
    if stray:
        todo = "Move its rows into their months' partitions: a month that is dropped leaves them behind."
        return Check("partitions", "fail", f"{partitions.DEFAULT} holds rows", todo)
    if ahead < MONTHS_AHEAD:
        todo = "`rxledger migrate` makes them; the worker does every hour, so check worker and beat."
        return Check("partitions", "warn", f"only {ahead} months ahead have one", todo)
    return Check("partitions", "ok", f"{ahead} months ahead have one, the default one is empty")


def _queue(conn: Connection, now: datetime) -> Iterator[Check]:
    waiting = figures.queue_figures(conn, now)
    text = f"{waiting.depth.number:,} wait, the oldest for {age(waiting.oldest)}"
    oldest = waiting.oldest or 0.0
    if oldest >= LAG_WARN:
        todo = "Check that a worker runs; if one does, start more: `rxledger worker`."
        yield Check("queue", "fail" if oldest >= LAG_FAIL else "warn", text, todo)
    else:
        yield Check("queue", "ok", text if waiting.depth.number else "nothing waits")
    if (waiting.overdue or 0.0) >= UNSWEPT:
        todo = "Start one `rxledger beat` and a worker: what hints were lost is only found by sweeping."
        text = f"{waiting.due:,} events are due, one since {age(waiting.overdue)}"
        yield Check("sweeper", "fail", text, todo)
    else:
        yield Check("sweeper", "ok", "nothing is overdue")
    if waiting.retrying:
        todo = "See `rxledger events --status queued`, and `events show ID` for the last error."
        yield Check("retrying", "warn", f"{waiting.retrying:,} events were tried before", todo)
    else:
        yield Check("retrying", "ok", "no event was tried before")


def _quarantine(conn: Connection) -> Check:
    counts: dict[str, int] = {}
    for reason, _, count in events.quarantine_counts(conn):
        counts[reason] = counts.get(reason, 0) + count
    if not counts:
        return Check("quarantine", "ok", "it is empty")
    text = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    cares = {explain(reason).care for reason in counts}
    if cares == {"wait"}:
        return Check("quarantine", "ok", f"only what waits for a later version: {text}")
    if "ours" in cares:
        todo = "Report what `rxledger quarantine list` says in detail; nothing is lost meanwhile."
        return Check("quarantine", "fail", text, todo)
    return Check("quarantine", "warn", text, "See `rxledger quarantine list`: it says what to do.")


def _keys(conn: Connection, settings: Settings) -> Iterator[Check]:
    """Whether this ring and this look-up key are those that the stored bodies were made with."""
    if not (settings.seal_keys and settings.lookup_key):
        return
    lacking = figures.newest_keys(conn, KEYS_OF_NEWEST) - {key.id for key in settings.seal_keys}
    if lacking:
        names = ", ".join(sorted(lacking))
        todo = "Add the key to RXLEDGER_SEAL_KEYS of every process: without it these bodies cannot be read."
        yield Check("seal keys", "fail", f"newest bodies are sealed under {names}, not in the ring", todo)
        return
    yield from _proof(conn, Sealer(settings.seal_keys).unseal, KeyedHash(settings.lookup_key))


def _proof(
    conn: Connection, unseal: Callable[[bytes, bytes], bytes], keyed_hash: KeyedHash
) -> Iterator[Check]:
    """Unseals one body and names it anew: both keys are right, or the names say which is not."""
    newest = figures.newest_body(conn)
    if newest is None:
        yield Check("seal keys", "ok", "no body is stored yet")
        return
    try:
        body = unseal(newest.sealed, newest.id)
    except (BrokenSeal, UnknownSealKey):
        todo = "A key id of RXLEDGER_SEAL_KEYS stands for another secret than before: set the old one again."
        yield Check("seal keys", "fail", "the newest body cannot be unsealed", todo)
        return
    yield Check("seal keys", "ok", "the ring has every key of the newest bodies")
    if keyed_hash.event_id(newest.partner, newest.via, newest.url_id or "", body) != newest.id:
        todo = "Set RXLEDGER_LOOKUP_KEY to what it was on every process: copies are not recognised now."
        yield Check("look-up key", "fail", "another one made the newest event's id", todo)
    else:
        yield Check("look-up key", "ok", "it is the one that made the newest event's id")
