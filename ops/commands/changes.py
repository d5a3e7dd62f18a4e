"""`changes`: the feed of state changes, each read once; `tail`: the same, live."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.moments import parse_span
from ops.render.output import DataOption, JsonOption, load, write_json
from ops.tail import Tail, print_change

if TYPE_CHECKING:
    from store.ledger.feed import Change

__all__ = ["register"]

_LAST = 2**63 - 1
LOOK_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    app.command()(changes)
    app.command()(tail)


def changes(
    after: Annotated[
        int, typer.Option(min=0, max=_LAST, metavar="CURSOR", help="Where the last reading ended; 0: start.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 1000,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print changes of state behind a cursor, the oldest first; go on after the cursor that this prints."""
    settings = load(data).require("database")
    from store.db.connections import connect
    from store.ledger import feed

    with connect(settings.database, "ops") as conn:
        feed.place(conn)
        found = feed.read(conn, after, limit)
    cursor = found[-1].cursor if found else after
    if as_json:
        write_json({"changes": [_document(change) for change in found], "cursor": cursor})
    else:
        _print(found, cursor)


def tail(
    after: Annotated[
        int | None,
        typer.Option(min=0, max=_LAST, metavar="CURSOR", help="Where to begin [default: with what is new]."),
    ] = None,
    span: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="End after so long, such as 60s [default: Ctrl-C]."),
    ] = None,
    data: DataOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a change, a line each.")
    ] = False,
) -> None:
    """Print changes of state as they are committed, within half a second."""
    settings = load(data).require("database")
    until = float("inf") if span is None else time.monotonic() + parse_span(span)
    with Tail(settings.database, after) as feed, suppress(KeyboardInterrupt):
        while True:
            for change in feed.look():
                write_json(_document(change)) if as_json else print_change(change)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(LOOK_SECONDS, left))


def _document(change: Change) -> dict[str, Any]:
    return {
        "cursor": change.cursor,
        "kind": change.kind,
        "key": change.key,
        "from": change.before,
        "to": change.after,
        "outcome": change.outcome,
        "review": change.review,
        "since": change.since,
        "changed_at": change.changed_at,
    }


def _print(found: list[Change], cursor: int) -> None:
    from ops.render.console import screen
    from ops.render.tables import note, print_table

    if not found:
        screen.print("no changes")
    else:
        rows = [
            (c.cursor, c.changed_at, c.kind, c.key, f"{c.before or '(new)'} → {c.after}", c.outcome, c.review)
            for c in found
        ]
        headers = ("cursor", "changed", "kind", "key", "state", "outcome", "review")
        print_table(headers, rows, fold=("key", "state", "review"))
    note(f"go on with --after {cursor}")
