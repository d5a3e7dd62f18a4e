"""Applying a backlog: through Celery, beside one task an event, and beside one statement in the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import psycopg
from celery import Celery

from bench import limit
from bench.mixed import EVENTS_OF_A_PATIENT, mixed, wide
from bench.stage import OURS, TUTORIAL, Stage, StageError, truncate
from bench.traffic import Event, even, paid, skewed
from partners.registry import partners_of
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.inbox.admit import admit_now
from store.inbox.model import Arrival
from workers.apply.payment_facts import CALLBACK_TYPE
from workers.celery.hints import HINT_IDS

__all__ = [
    "EVEN",
    "LIMIT",
    "MIXED",
    "PAID",
    "SKEWED",
    "TUTORIAL_WAY",
    "WIDE",
    "WORKERS",
    "Applied",
    "Sizes",
    "apply",
    "check",
    "make_tables",
    "measure",
    "requeue",
    "warm_up_ours",
]

EVEN, SKEWED, LIMIT, TUTORIAL_WAY = "apply, even", "apply, skewed", "one statement", "tutorial"
MIXED, WIDE = "apply, every type", "apply, 200 medications"
PAID = "apply, a tenth payments"
Connection = psycopg.Connection[Any]

#: One service a side, with two worker processes; the log level of both is Celery's default.
WORKERS = {
    OURS: ("worker", ("ops.cli", "worker", "--concurrency", "2", "--loglevel", "warning")),
    TUTORIAL: (
        "tutorial-worker",
        ("celery", "-A", "bench.tutorial", "worker", "--concurrency", "2", "--loglevel", "WARNING"),
    ),
}
STALLED = 120.0
TIMELESS = {name for name, partner in partners_of().items() if partner.timeless}
#: Bodies of 200 medications in one hint: four medications an event and 500 events a hint is as much.
WIDE_IDS = 10
POLL_SECONDS = 0.01


class Sizes(NamedTuple):
    """How much is applied: events over fills, and the tutorial's share of it (the rate is what counts)."""

    fills: int = 5_000
    events: int = 20_000
    tutorial_events: int = 2_500
    wide_events: int = 100


class Applied(NamedTuple):
    """One round's figure. `cpu_share` is the bench's own, which publishes the hints and watches."""

    events: int
    seconds: float
    cpu_share: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def measure(stage: Stage, sizes: Sizes, rounds: int, say: Callable[[str], None]) -> dict[str, list[Applied]]:
    """Each of the seven once a round. Raises StageError when something is not applied."""
    stage.empty()
    make_tables(stage)
    conn = stage.connection()
    backlogs = {
        EVEN: admit(stage, even(sizes.fills, "even")),
        PAID: admit(stage, paid(sizes.fills, "paid")),
        MIXED: admit(stage, mixed(sizes.events // EVENTS_OF_A_PATIENT, "mixed")),
        SKEWED: admit(stage, skewed(sizes.fills, sizes.events, "skew")),
        WIDE: admit(stage, wide(sizes.wide_events, "wide")),
    }
    payloads = [orjson.loads(event.body) for event in even(sizes.tutorial_events // 4, "tutor")]
    conn.execute("VACUUM ANALYZE events, bodies")
    results: dict[str, list[Applied]] = {name: [] for name in (*backlogs, LIMIT, TUTORIAL_WAY)}
    with stage.running(OURS, WORKERS[OURS]), stage.running(TUTORIAL, WORKERS[TUTORIAL]):
        warm_up(stage)
        for number in range(1, rounds + 1):
            for name in results:
                if name == TUTORIAL_WAY:
                    applied = _tutorial(stage, payloads)
                elif name == LIMIT:
                    requeue(conn, backlogs[EVEN])
                    applied = Applied(len(backlogs[EVEN]), limit.write(conn), 0.0)
                else:
                    requeue(conn, backlogs[name])
                    applied = apply(stage, backlogs[name], WIDE_IDS if name == WIDE else HINT_IDS)
                    check(conn, len(backlogs[name]))
                    if name == EVEN and number == 1:
                        limit.keep(conn)
                results[name].append(applied)
                say(f"{name}, round {number}: {applied.events:,} events, {applied.rate:,.0f}/s")
    return results


def admit(stage: Stage, events: Sequence[Event]) -> list[int]:
    """Bring events into the inbox as the receiver does; their inbox ids in order of arrival."""
    settings = stage.settings()
    keyed_hash, sealer = KeyedHash(settings.lookup_key or b""), Sealer(settings.seal_keys)
    seqs: list[int] = []
    for start in range(0, len(events), HINT_IDS):
        now = datetime.now(UTC)
        batch = []
        for event in events[start : start + HINT_IDS]:
            event_id = keyed_hash.event_id(event.partner, "push", "", event.body)
            sealed = sealer.seal(event.body, event_id)
            batch.append(Arrival(event_id, event.partner, "push", now, sealed, event.partner in TIMELESS))
        new = admit_now(stage.connection(), batch)
        seqs += [new[arrival.id] for arrival in batch]
    return seqs


def requeue(conn: Connection, seqs: Sequence[int]) -> None:
    """Nothing applied, these queued, everything written: where each round starts from."""
    truncate(conn, [name for name in limit.tables(conn) if name not in limit.OF_THE_INBOX])
    conn.execute(
        "INSERT INTO queue (seq, received_at, due_at) SELECT seq, received_at, now() + interval '1 hour' "
        "FROM events WHERE seq = ANY(%s::bigint[]) ORDER BY seq",
        (list(seqs),),
    )
    conn.execute("CHECKPOINT")


def hints(seqs: Sequence[int], size: int = HINT_IDS) -> Iterator[list[int]]:
    for start in range(0, len(seqs), size):
        yield list(seqs[start : start + size])


def publisher(stage: Stage, side: str) -> Celery:
    """A client of a side's broker, as the side's own processes would be one."""
    app = Celery("bench", broker=stage.broker_url(side))
    if side == OURS:
        app.conf.task_default_queue = "rxledger"
    return app


def apply(stage: Stage, seqs: Sequence[int], size: int = HINT_IDS) -> Applied:
    """Hint what is queued, and wait until the workers have applied it all. Raises StageError."""
    app, conn = publisher(stage, OURS), stage.connection()
    with app.connection_for_write() as connection:
        connection.connect()
        batches = list(hints(seqs, size))
        started, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            app.send_task("rxledger.apply", args=(batch,), retry=False, connection=connection)
        _until_empty(conn, [batch[-1] for batch in batches])
        wall = time.perf_counter() - started
        return Applied(len(seqs), wall, (time.process_time() - cpu) / wall)


def _until_empty(conn: Connection, sample: list[int]) -> None:
    """Wait until the queue is empty. A few ids are watched first, since to look at all of them takes long."""
    deadline = time.perf_counter() + STALLED
    watched = "SELECT seq FROM queue WHERE seq = ANY(%s::bigint[])"
    while sample:
        sample = [seq for (seq,) in conn.execute(watched, (sample,))]
        _wait(deadline)
    while conn.execute("SELECT FROM queue LIMIT 1").rowcount:
        _wait(deadline)


def _wait(deadline: float) -> None:
    if time.perf_counter() > deadline:
        raise StageError("a backlog was not applied")
    time.sleep(POLL_SECONDS)


def check(conn: Connection, events: int) -> None:
    """Every event must have become a fact of an entity: a rate of events thrown away would be no rate."""
    row = conn.execute(
        "SELECT count(DISTINCT seq), (SELECT count(*) FROM quarantine) FROM event_facts "
        "WHERE callback_type <> %s",
        (CALLBACK_TYPE,),
    ).fetchone()
    if row != (events, 0):
        raise StageError(f"of {events} events, (applied, quarantined) are {row}")


def _tutorial(stage: Stage, payloads: Sequence[dict[str, Any]]) -> Applied:
    """The tasks wait in a list that is then renamed, so that publishing them costs the tutorial nothing."""
    conn = stage.connection(TUTORIAL)
    conn.execute("TRUNCATE orders, order_events")
    app = publisher(stage, TUTORIAL)
    for payload in payloads:
        app.send_task("bench.tutorial.apply_event", args=(payload,), queue="held")
    conn.execute("CHECKPOINT")
    with stage.broker(TUTORIAL) as broker:
        started, cpu = time.perf_counter(), time.process_time()
        broker.rename("held", "celery")
    deadline = started + STALLED
    while conn.execute("SELECT count(*) FROM order_events").fetchone() != (len(payloads),):
        if time.perf_counter() > deadline:
            raise StageError("the tutorial's tasks were not applied")
        time.sleep(0.05)
    wall = time.perf_counter() - started
    return Applied(len(payloads), wall, (time.process_time() - cpu) / wall)


def make_tables(stage: Stage) -> None:
    """The tutorial's tables."""
    from sqlalchemy import create_engine

    from bench.tutorial import Base, sqlalchemy_url

    engine = create_engine(sqlalchemy_url(stage.database_url(TUTORIAL)))
    Base.metadata.create_all(engine)
    engine.dispose()


def warm_up(stage: Stage) -> None:
    """A few events through both worker processes of both sides: their first task connects and imports."""
    warm_up_ours(stage)
    _tutorial(stage, [orjson.loads(event.body) for event in even(50, "warm")])


def warm_up_ours(stage: Stage) -> None:
    conn = stage.connection()
    seqs = admit(stage, even(100, "warm"))
    app = publisher(stage, OURS)
    for start in range(0, len(seqs), 10):
        app.send_task("rxledger.apply", args=(seqs[start : start + 10],))
    _until_empty_of(conn, seqs)


def _until_empty_of(conn: Connection, seqs: Sequence[int]) -> None:
    deadline = time.perf_counter() + STALLED
    while conn.execute("SELECT FROM queue WHERE seq = ANY(%s::bigint[]) LIMIT 1", (list(seqs),)).rowcount:
        _wait(deadline)
