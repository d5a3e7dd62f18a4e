"""`replay`: read events anew, by id or by entity, and say which entities come out otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.kinds import check_kind
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.replay import Report
    from settings import Database

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Events, by ID.")] = None,
    entity: Annotated[
        tuple[str, str] | None, typer.Option(metavar="KIND KEY", help="Every event that states facts of it.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every event: after an upgrade that says so.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read events anew, quarantined ones too: after an upgrade, or when a state is in doubt."""
    from ops.arguments.event_ids import clean_id

    if bool(ids) + (entity is not None) + everything != 1:
        raise typer.BadParameter("wants event IDs, --entity KIND KEY, or --all")
    if entity is not None:
        check_kind(entity[0])
    digits = [clean_id(value) for value in ids or ()]
    settings = load(data).require("database", "sealing")
    database = settings.database
    seqs: list[int] = []
    if entity is not None:
        seqs, subject = _by_entity(database, *entity)
    elif ids:
        seqs, subject = _by_ids(database, digits)
    else:
        subject = "everything"
    from ops import replay as replays
    from ops.arguments.person import person
    from ops.render.tables import progress
    from store.db.connections import connect
    from store.ledger import audit
    from workers.celery.runtime import tools

    if not dry_run:
        audit.record(database, person(), "replay", subject)
    with connect(database, "ops") as conn, progress("replaying", len(seqs) or None) as advance:
        found = replays.everything(conn) if everything else replays.batches(seqs, dry_run=dry_run)
        report = replays.run(conn, found, tools(settings), dry_run=dry_run, advance=advance)
    document = _document(report)
    if as_json:
        write_json(document)
    else:
        _print(document, dry_run)


def _by_ids(database: Database, ids: list[str]) -> tuple[list[int], str]:
    from ops.arguments.event_ids import find_event
    from store.reports import queries

    with queries.snapshot(database) as conn:
        seqs = sorted({find_event(conn, digits) for digits in ids})
    return seqs, ids[0] if len(seqs) == 1 else f"{len(seqs)} events, {ids[0]} among them"


def _by_entity(database: Database, kind: str, key: str) -> tuple[list[int], str]:
    from ops.render.keys import own_key
    from store.reports import events, queries

    with queries.snapshot(database) as conn:
        key = own_key(conn, kind, key)
        found = queries.entity(conn, kind, key)
        if found is None:
            raise Refused(f"there is no {kind} {key}")
        return events.events_of(conn, found.id), f"{kind} {key}"


def _document(report: Report) -> dict[str, Any]:
    changed = [entry for entry in report.entries if entry.changed]
    return {
        "selected": report.selected,
        "changed": [
            {
                "kind": entry.after.kind,
                "key": entry.after.key,
                "from": None if entry.before is None else entry.before.state,
                "to": entry.after.state,
                "why": entry.why,
            }
            for entry in changed
        ],
        "unchanged": len(report.entries) - len(changed),
        "pending": len(report.pending),
        "quarantined": report.quarantined,
    }


def _print(document: dict[str, Any], dry_run: bool) -> None:
    from ops.render.console import screen
    from ops.render.tables import cell, print_table

    if document["changed"]:
        rows = [
            (f"{c['kind']} {c['key']}", c["from"] or "(new)", c["to"], c["why"]) for c in document["changed"]
        ]
        print_table(("entity", "from", "to", "why"), rows, fold=("entity", "why"))
    would = "would change" if dry_run else "changed"
    counts = [
        f"{document['selected']} events selected",
        f"{len(document['changed'])} entities {would}",
        f"{document['unchanged']} unchanged",
        f"{document['quarantined']} events in quarantine",
        f"{document['pending']} could not be read now",
    ]
    screen.print(cell(", ".join(counts)), soft_wrap=True)
