"""`sandbox check`: our states and histories against the sandbox's truth, once the queue is empty."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.sandbox.compare import Known, Report
    from ops.sandbox.truth import Truth
    from settings import Database, Settings
    from store.ledger.model import FactRow

__all__ = ["check_command"]

T = TypeVar("T")
BATCH = 5_000
POLL_SECONDS = 0.25
SHOWN = 20


def check_command(
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long the queue may take to empty.")
    ] = 120.0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare our states and histories with the sandbox's truth; pulls nothing."""
    settings = load(data).require("database", "sealing")
    if settings.sandbox_url is None:
        raise Refused("no sandbox is known: RXLEDGER_SANDBOX_URL is not set, and no `up` has written it")
    document, report = _check(settings, settings.sandbox_url, wait)
    if as_json:
        write_json(document)
    else:
        _print(document)
    if report.differs:
        states = sum(bool(row["surfaces"]) for row in report.states)
        raise Refused(
            f"{len(report.wrong)} differences are wrong, {len(report.recoverable)} facts and {states} states"
            " differ that the partner still offers"
        )


def _check(settings: Settings, sandbox: str, wait: float) -> tuple[dict[str, Any], Report]:
    from ops.render.tables import progress
    from ops.sandbox.compare import compare
    from ops.sandbox.truth import Truth, read_truth
    from store.crypto.keyed_hash import KeyedHash

    if settings.lookup_key is None:
        raise Refused("RXLEDGER_LOOKUP_KEY is not set")
    keyed_hash, truth = KeyedHash(settings.lookup_key), Truth()
    key = _key(settings)
    with progress("reading the truth", None) as advance:
        figures = read_truth(sandbox, key, keyed_hash, advance, truth)
    _until_applied(settings, wait)
    known, standings, entities, lost = _read(settings.database, truth)
    truth.closed = True
    read_truth(sandbox, key, keyed_hash, lambda _: None, truth)
    report = compare(truth, known, standings, figures["live_contract"], lost)
    document = {
        "events": {
            "generated": truth.events,
            "delivered": truth.delivered,
            "never_delivered": truth.never_delivered,
            "perhaps": truth.perhaps,
            "waiting": truth.waiting,
            "of_unknown_type": truth.strange,
        },
        "entities": {"of_the_sandbox": len(truth.entities), "of_others": entities, "agree": report.agree},
        "wrong": report.wrong,
        "recoverable": report.recoverable,
        "unrecoverable": report.unrecoverable,
        "states": report.states,
        "loss": report.loss,
    }
    return document, report


def _key(settings: Settings) -> str | None:
    """Whose pulls could close a gap: ours, or the first customer's where pulls are off or go elsewhere."""
    keys = (*settings.sandbox_keys, *settings.sandbox_live_keys)
    own = settings.partner("truepill").api_key
    return own if own in keys else next(iter(keys), None)


def _until_applied(settings: Settings, wait: float) -> None:
    """Wait until the queue and this machine's spool are empty. Raises Refused when they do not become so."""
    from ops.doctor.spool_depth import spool_depth
    from ops.render.console import notes
    from store.inbox.queue import waiting
    from store.reports import queries

    deadline = time.monotonic() + wait
    with notes.status("waiting for the queue") as status:
        while True:
            with queries.snapshot(settings.database) as conn:
                events = waiting(queries.driver(conn))
            spooled = spool_depth(settings.spool).files
            if not events and not spooled:
                return
            if time.monotonic() > deadline:
                raise Refused(f"the queue is not empty after {wait:g} s: {events} events wait to be applied")
            status.update(f"waiting for the queue: {events} events")
            time.sleep(POLL_SECONDS)


def _read(
    database: Database, truth: Truth
) -> tuple[dict[tuple[str, str], Known], dict[bytes, str], int, Counter[str]]:
    """What we know of the truth's entities and copies, as of one moment; how many entities are others'; and
    how many callbacks of each type the loss ledger has as lost by the push.
    """
    from ops.render.tables import progress
    from store.reports import comparison, figures, queries
    from store.schema import entities

    known: dict[tuple[str, str], Known] = {}
    standings: dict[bytes, str] = {}
    copies = {*truth.copies, *(copy for event in truth.undelivered for copy in event.copies)}
    total = len(truth.entities) + len(copies)
    with queries.snapshot(database) as conn, progress("comparing", total) as advance:
        for kind, keys in _batches(truth):
            _read_batch(conn, kind, keys, known)
            advance(len(keys))
        for ids in _batched(copies):
            standings |= comparison.statuses(conn, ids)
            advance(len(ids))
        lost = _lost(conn)
        # Where the table is large its size is an estimate, which may come out below.
        others = max(0, figures.size(conn, entities).number - len(known))
    return known, standings, others, lost


def _lost(conn: Any) -> Counter[str]:
    from datetime import UTC, datetime

    from store.reports import loss, queries
    from workers.reports.callback_types import callback_types
    from workers.reports.loss_days import span

    lost: Counter[str] = Counter()
    types = callback_types()
    ever = span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), types)
    for row in loss.count(queries.driver(conn), ever):
        if name := types.named(row.family):
            lost[name.callback_type] += 0 if row.pushed else row.number
    return lost


def _batches(truth: Truth) -> Iterator[tuple[str, tuple[str, ...]]]:
    by_kind: dict[str, list[str]] = {}
    for kind, key in truth.entities:
        by_kind.setdefault(kind, []).append(key)
    for kind, keys in by_kind.items():
        for batch in _batched(keys):
            yield kind, batch


def _batched(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    left = iter(items)
    while batch := tuple(islice(left, BATCH)):
        yield batch


def _read_batch(conn: Any, kind: str, keys: tuple[str, ...], known: dict[tuple[str, str], Known]) -> None:
    from ops.sandbox.compare import Known
    from ops.sandbox.truth import Name, name_of
    from store.ledger.model import lines_of
    from store.reports import comparison, queries

    rows = {row.id: row for row in comparison.entities_named(conn, kind, keys)}
    aliased = comparison.known_by_alias(conn, kind, keys)
    facts = queries.facts_of_all(conn, list(rows))
    for entity_id, row in rows.items():
        named: dict[Name, frozenset[str]] = {}
        for stored in facts[entity_id]:
            # Reading the lines of every fact would take longer than all the rest.
            lines = lines_of(stored.lines) if kind == "copay" else ()
            told = [(line.token or "", line.status) for line in lines]
            name = name_of(kind, stored.signal, stored.occurred_at, told)
            named[name] = named.get(name, frozenset()) | frozenset(stored.via)
        lines_now = _lines_now(facts[entity_id]) if kind == "copay" else {}
        known[kind, row.key] = Known(row.state, row.review, named, row.key in aliased, row.outcome, lines_now)


def _lines_now(stored: Iterable[FactRow]) -> dict[str, str]:
    """What is said of each prescription of a copay, by its token."""
    from statemachine import MACHINES, current_lines
    from store.ledger.model import fact_of

    _, steps = MACHINES["copay"].fold(fact_of(row) for row in stored)
    return {line.token or "": line.status for line in current_lines(MACHINES["copay"], steps)}


def _print(document: dict[str, Any]) -> None:
    from ops.render.console import screen
    from ops.render.tables import cell

    events, entities = document["events"], document["entities"]
    lines = [
        f"{events['generated']} events: {events['delivered']} delivered, {events['never_delivered']} never,"
        f" {events['perhaps']} perhaps, {events['waiting']} still wait;"
        f" {events['of_unknown_type']} of an unknown type",
        f"{entities['agree']} of {entities['of_the_sandbox']} entities agree in state, outcome and history",
    ]
    if entities["of_others"]:
        lines.append(f"{entities['of_others']} entities are not the sandbox's and were not compared")
    if dropped := sum(row["dropped"] for row in document["loss"]):
        pulled = sum(row["pulled_only"] for row in document["loss"])
        lines.append(f"{dropped} lost callbacks are still given to pulls; the loss ledger has {pulled}")
    for line in lines:
        screen.print(cell(line, ""), soft_wrap=True)
    _print_some("wrong", document["wrong"], _wrong)
    _print_some("missing, and still to be had", document["recoverable"], _missing)
    _print_some("states that differ for it", document["states"], _state)
    _print_some("missing, and no surface offers it any more", document["unrecoverable"], _missing)


def _wrong(row: dict[str, Any]) -> list[Any]:
    if "event" in row:
        return [row["what"], f"event {row['event']}", row["standing"]]
    if "dropped" in row:
        return [row["what"], row["type"], f"{row['pulled_only']} pulled only, not {row['dropped']}"]
    if row["what"] in ("outcome", "lines"):
        return [row["what"], f"{row['kind']} {row['key']}", f"{row[row['what']]}, not {row['true']}"]
    if "review" in row["what"]:
        told = row.get("review") or f"{row['state']}, and the partner has contradicted itself on purpose"
        return [row["what"], f"{row['kind']} {row['key']}", told]
    told = f"{row['state']}, not {row['true']}" if "true" in row else f"{row['signal']} {row['occurred_at']}"
    return [row["what"], f"{row['kind']} {row['key']}", told]


def _missing(row: dict[str, Any]) -> list[Any]:
    return [f"{row['kind']} {row['key']}", f"{row['signal']} {row['occurred_at']}", row["surfaces"]]


def _state(row: dict[str, Any]) -> list[Any]:
    return [f"{row['kind']} {row['key']}", f"{row['state']}, not {row['true']}", row["surfaces"]]


def _print_some(title: str, rows: list[dict[str, Any]], told: Callable[[dict[str, Any]], list[Any]]) -> None:
    from ops.render.console import screen
    from ops.render.tables import cell, note, print_table

    if not rows:
        return
    screen.print(cell(f"{len(rows)} {title}", "bold"), soft_wrap=True)
    print_table(("", " ", "  "), [told(row) for row in rows[:SHOWN]], fold=("", " ", "  "))
    if len(rows) > SHOWN:
        note(f"{len(rows) - SHOWN} more: --json prints all")
