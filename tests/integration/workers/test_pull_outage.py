"""An hour without the partner, with two beats by mistake: nothing is missed, and nothing taken in twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import stamina

from settings import Settings
from store.db.connections import connect
from store.pulls.streams import FILLS, NOTIFY, SNAPSHOTS
from tests.support.commandline import Cli
from tests.support.factories import NotifyRx, OrderSuccess, Shipment
from tests.support.fixed_time import FixedTime
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.pulls import Book
from tests.support.records import FillRecord
from workers.apply.model import Tools
from workers.pull.puller import Puller
from workers.pull.run import Report

KEY = "tp_live_key_that_is_secret"
EVERY = 300
FILL = "/v1/fill_request/f1"
DOWN = [
    Answer(500, b"Jane Canary"),
    Answer(401),
    Answer(403),
    Answer(404),
    Answer(429, headers={"Retry-After": "60"}),
    Answer(200, b"<html>Jane Canary"),
    Answer(200, b'{"results": ["Jane Canary'),
    Answer(302, headers={"Location": "/elsewhere"}),
    Answer(200, cut=True, body=b'{"results": []}'),
    Answer(stall=0.4),
    Answer(503),
    Answer(500),
]


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


class World:
    """The partner's side: what has happened, and how it answers of it."""

    def __init__(self, clock: FixedTime) -> None:
        self.clock = clock
        self.book = Book([], size=2)
        self.of_fill: list[dict[str, Any]] = []
        self.wrong: Answer | None = None

    def happen(self) -> None:
        """Two prescriptions arrive, a minute apart."""
        now = int(self.clock.now.timestamp())
        for ago in (90, 30):
            token = f"rx{len(self.book.events):05}"
            self.book.events.append(dict(NotifyRx(timestamp=now - ago, details__prescription_token=token)))

    def ship(self, event: dict[str, Any]) -> None:
        """News of the fill: a pulled copy holds neither its id nor its status."""
        at = int(self.clock.now.timestamp()) - 60
        pulled = {name: value for name, value in event.items() if name not in ("request_id", "status")}
        self.of_fill.append(pulled | {"timestamp": at})

    def __call__(self, asked: Asked) -> Answer:
        if self.wrong is not None:
            return self.wrong
        if asked.path == "/v1/webhook_events/notify_rx":
            return self.book(asked)
        if asked.path == f"{FILL}/webhook_events":
            return events_page(*self.of_fill)
        if asked.path == FILL:
            return Answer(200, orjson.dumps(FillRecord(status="pending")))
        return Answer(404)


@pytest.fixture
def world() -> World:
    return World(FixedTime())


@pytest.fixture
def server(world: World) -> Iterator[Partner]:
    with partner(world) as running:
        yield running


@pytest.fixture
def round_of(cli: Cli, cli_url: str, server: Partner, world: World) -> Callable[[], list[Report]]:
    """Both beats at once: each has every stream read, as far as a worker waits; then five minutes pass."""
    cli.setenv(
        RXLEDGER_TRUEPILL_BASE_URL=server.url,
        RXLEDGER_TRUEPILL_API_KEY=KEY,
        RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="6000",
        RXLEDGER_TRUEPILL_TIMEOUT="0.2",
        RXLEDGER_TRUEPILL_LIVE_CONTRACT="no",
        RXLEDGER_PULL_QUIET="60",
    )
    settings = Settings.load()
    cli.ledger.tools = Tools(cli.ledger.tools.sealer, cli.ledger.tools.keyed_hash, world.clock)
    reports: list[Report] = []

    def beat() -> None:
        with (
            connect(cli_url, "beat") as conn,
            Puller(settings, conn, cli.ledger.tools, patience=0.1, hint=lambda _: None) as puller,
        ):
            reports.extend(puller.pull(name) for name in puller.names())

    def run() -> list[Report]:
        reports.clear()
        beats = [threading.Thread(target=beat) for _ in range(2)]
        for one in beats:
            one.start()
        for one in beats:
            one.join()
        cli.ledger.settle()
        pass_time(cli, world.clock, EVERY)
        return list(reports)

    return run


def pass_time(cli: Cli, clock: FixedTime, seconds: float) -> None:
    """Later by our clock, and by the server's: all that it wrote down is so much longer ago."""
    clock.advance(seconds=seconds)
    for table, columns in {
        "calls": ("next_at", "paused_until", "open_until"),
        "streams": ("leased_until", "pass_began"),
        "lookups": ("looked_at", "next_at"),
        "entities": ("first_seen",),
    }.items():
        moved = ", ".join(f"{column} = {column} - %(s)s * interval '1 s'" for column in columns)
        cli.ledger.conn.execute(f"UPDATE {table} SET {moved}", {"s": seconds})


def facts(cli: Cli, kind: str) -> int:
    return int(
        cli.one(f"SELECT count(*) FROM facts JOIN entities e ON e.id = entity_id WHERE kind = '{kind}'")
    )


def received(cli: Cli) -> set[str]:
    query = "SELECT key FROM entities WHERE kind = 'prescription' AND state = 'received'"
    return {key for (key,) in cli.ledger.conn.execute(query)}


def test_an_hour_of_every_wrong_answer_costs_nothing_but_time(
    cli: Cli, world: World, server: Partner, round_of: Callable[[], list[Report]]
) -> None:
    began = world.clock.now
    cli.ledger.conn.execute(
        "INSERT INTO entities (kind, key, state, since, first_seen, deadline) VALUES "
        "('fill_request', 'f1', 'pending', %(at)s, now() - interval '1 day', %(at)s + interval '3 days')",
        {"at": began},
    )
    for _ in range(12):
        world.happen()
        round_of()
    before = received(cli)
    assert len(before) == 24

    asked: list[int] = []
    for wrong in DOWN:
        world.wrong = wrong
        world.happen()
        if wrong is DOWN[3]:
            world.ship(OrderSuccess(request_id="f1", details__order_token="ord1"))
        if wrong is DOWN[8]:
            world.ship(Shipment(request_id="f1"))
        server.asked.clear()
        reports = round_of()
        asked.append(len(server.asked))
        assert sum(report.stored for report in reports) == 0
        assert received(cli) == before
    # Two beats, three streams, three attempts, and a page's token or two: each round ends by itself.
    assert max(asked) <= 18
    assert 6 <= sum(asked) <= 40
    assert cli.one("SELECT watermark FROM streams WHERE name = 'notify_rx'") <= began + timedelta(hours=1)

    world.wrong = None
    pass_time(cli, world.clock, 900)  # as long as a circuit is open at most
    for _ in range(4):
        world.happen()
        round_of()

    tokens = {event["details"]["prescription_token"] for event in world.book.events}
    assert len(tokens) == 2 * (12 + 12 + 4)
    assert received(cli) == tokens
    assert facts(cli, "prescription") == len(tokens)
    assert cli.ledger.state("f1") == "in_transit"
    events = cli.one("SELECT count(*) FROM events WHERE via = 'pull'")
    assert events == len(tokens) + 2
    # Of each prescription one change, and of the fill one for each of its moves.
    changes = cli.ledger.conn.execute("SELECT entity_id, to_state FROM changes_unplaced").fetchall()
    assert len(changes) == len(set(changes)) == len(tokens) + 2
    streams = cli.ledger.conn.execute("SELECT name, trouble, stored FROM streams ORDER BY name").fetchall()
    assert [(name, trouble) for name, trouble, _ in streams] == [
        (FILLS, None),
        (NOTIFY, None),
        (SNAPSHOTS, None),
    ]
    assert sum(stored for _, _, stored in streams) == cli.ledger.count("events")
    assert cli.one("SELECT (failures, open_until) IS NOT DISTINCT FROM (0, NULL) FROM calls")
