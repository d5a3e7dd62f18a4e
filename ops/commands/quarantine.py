"""`quarantine list`: what could not be applied, why, and what to do about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.render.output import DataOption, JsonOption, load, write_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What could not be applied, and why.", no_args_is_help=True)
    # Without a callback a group of one command would become that command.
    group.callback()(lambda: None)
    group.command("list")(listing)
    app.add_typer(group, name="quarantine")


def listing(
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many events.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events in quarantine, the newest first, with the counts of every reason."""
    settings = load(data).require("database")
    from ops.render.console import notes
    from store.reports import events, queries

    with notes.status("reading the quarantine"), queries.snapshot(settings.database) as conn:
        counts = events.quarantine_counts(conn)
        rows = events.quarantined(conn, reason, limit)
    document = {"quarantine": [_event(row) for row in rows], "reasons": _reasons(counts)}
    if as_json:
        write_json(document)
    else:
        _print(document)


def _event(row: Any) -> dict[str, Any]:
    return {
        "event": row.id,
        "partner": row.partner,
        "via": row.via,
        "received_at": row.received_at,
        "type": row.callback_type,
        "reason": row.reason,
        "detail": row.detail,
        "since": row.since,
        "retry_at": row.retry_at,
    }


def _reasons(counts: list[tuple[str, str | None, int]]) -> dict[str, Any]:
    """`{reason: {count, types: {type: count}, meaning, todo}}`; a type that is not known is "unknown"."""
    from ops.render.reasons import explain

    found: dict[str, Any] = {}
    for reason, callback_type, count in counts:
        explained = explain(reason)
        entry = found.setdefault(
            reason, {"count": 0, "types": {}, "meaning": explained.meaning, "todo": explained.todo}
        )
        entry["count"] += count
        entry["types"][callback_type or "unknown"] = count
    return found


def _print(document: dict[str, Any]) -> None:
    from ops.render.console import screen
    from ops.render.tables import print_table

    if not document["reasons"]:
        screen.print("the quarantine is empty")
        return
    reasons = [
        (
            entry["count"],
            name,
            [f"{kind} {count}" for kind, count in entry["types"].items()],
            f"{entry['meaning']} {entry['todo']}",
        )
        for name, entry in document["reasons"].items()
    ]
    print_table(("count", "reason", "types", "what it means"), reasons, fold=("types", "what it means"))
    events = [
        (e["since"], e["event"][:12], e["type"], e["reason"], e["retry_at"], e["detail"])
        for e in document["quarantine"]
    ]
    headers = ("since", "event", "type", "reason", "again at", "detail")
    print_table(headers, events, fold=("type", "again at", "detail"))
