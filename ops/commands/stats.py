"""`stats`: counts and lag."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from settings import Settings
    from store.reports.figures import Count, Grouped

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(stats)


def stats(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print counts and lag: events, queue, quarantine, entities, spool."""
    settings = load(data).require("database")
    from ops.render.console import notes

    with notes.status("counting"):
        document = _read(settings)
    if as_json:
        write_json(document)
    else:
        _print(document)


def _read(settings: Settings) -> dict[str, Any]:
    from ops.doctor.spool_depth import spool_depth
    from store.reports import events as event_reports
    from store.reports import figures, pull_figures, queries
    from store.schema import entities, events, facts

    with queries.snapshot(settings.database) as conn:
        now = figures.server_time(conn)
        waiting = figures.queue_figures(conn, now)
        quarantined: dict[str, int] = {}
        for reason, _, count in event_reports.quarantine_counts(conn):
            quarantined[reason] = quarantined.get(reason, 0) + count
        document: dict[str, Any] = {
            "at": now,
            "events": {
                **_count(figures.size(conn, events)),
                "last_minute": _count(figures.arrivals(conn, now, timedelta(minutes=1))),
                "last_hour": _count(figures.arrivals(conn, now, timedelta(hours=1))),
                "by": _groups(figures.by_source(conn), ("partner", "via", "type")),
            },
            "queue": {
                "depth": waiting.depth.number,
                "estimated": waiting.depth.estimated,
                "oldest_seconds": waiting.oldest,
                "due": waiting.due,
                "overdue_seconds": waiting.overdue,
                "retrying": waiting.retrying,
            },
            "quarantine": {"count": sum(quarantined.values()), "reasons": quarantined},
            "entities": {
                **_count(figures.size(conn, entities)),
                "by": _groups(figures.by_state(conn), ("kind", "state")),
            },
            "facts": _count(figures.size(conn, facts)),
            "pulls": {
                "streams": [
                    {"partner": partner.name, **row._asdict()}
                    for partner in settings.partners
                    for row in pull_figures.stream_figures(conn, partner.name)
                ],
                "calls": [row._asdict() for row in pull_figures.circuits(conn)],
                "requests": pull_figures.poll_figures(conn)._asdict(),
            },
        }
    document["spool"] = spool_depth(settings.spool)._asdict()
    return document


def _count(of: Count) -> dict[str, Any]:
    return {"count": of.number, "estimated": of.estimated}


def _groups(of: Grouped, names: tuple[str, ...]) -> list[dict[str, Any]]:
    columns = (*names, "count")
    return [dict(zip(columns, row, strict=True)) | {"estimated": of.estimated} for row in of.rows]


def _print(document: dict[str, Any]) -> None:
    from ops.render.tables import age, print_table

    events, waiting, spool = document["events"], document["queue"], document["spool"]
    rows = [
        ("events", _about(events)),
        ("  in the last minute", _about(events["last_minute"])),
        ("  in the last hour", _about(events["last_hour"])),
        ("facts", _about(document["facts"])),
        ("entities", _about(document["entities"])),
        ("queue", _about({"count": waiting["depth"], "estimated": waiting["estimated"]})),
        ("  oldest", age(waiting["oldest_seconds"])),
        ("  due for the sweeper", f"{waiting['due']:,}"),
        ("  retrying", f"{waiting['retrying']:,}"),
        ("quarantine", f"{document['quarantine']['count']:,}"),
        *((f"  {reason}", f"{count:,}") for reason, count in document["quarantine"]["reasons"].items()),
        ("spool files here", spool["files"]),
        ("  damaged", spool["damaged"]),
        *((f"calls to {row['partner']}", _calls(row, document["at"])) for row in document["pulls"]["calls"]),
        ("requests asked about", f"{document['pulls']['requests']['requests']:,}"),
        ("  not given by the partner", f"{document['pulls']['requests']['refused']:,}"),
    ]
    print_table(("what", "how much"), rows, fold=())
    sources = [(f"{b['partner']} {b['via']}", b["type"] or "not known yet", _about(b)) for b in events["by"]]
    if sources:
        print_table(("events from", "type", "count"), sources, fold=())
    pulled = document["pulls"]["streams"]
    if pulled:
        names = ("partner", "name", "pages", "seen", "stored", "nameless", "refused", "watermark", "trouble")
        shown = [[row[name] for name in names] for row in pulled]
        headers = (
            "partner",
            "stream",
            "pages",
            "events",
            "new",
            "without a name",
            "not given",
            "read up to",
            "trouble",
        )
        print_table(headers, shown, fold=("trouble",))
    states = [(b["kind"], b["state"], _about(b)) for b in document["entities"]["by"]]
    if states:
        print_table(("entities", "state", "count"), states, fold=())


def _calls(row: dict[str, Any], now: datetime) -> str:
    if row["open_until"] is not None:
        return f"{row['failures']} failures in a row: the circuit is open"
    paused = row["paused_until"] is not None and row["paused_until"] > now
    return "paused, as the partner asked" if paused else "answered"


def _about(of: dict[str, Any]) -> str:
    return f"{'about ' if of['estimated'] else ''}{of['count']:,}"
