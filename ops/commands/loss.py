"""`loss`: what the partner's pushes lost, by type and day, and who else may have pushed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.moments import parse_moment
from ops.arguments.partners import check_partner
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from settings import Settings
    from workers.reports.callback_types import Named

__all__ = ["register"]

#: Facts may be dated a little ahead of our clock.
AHEAD = timedelta(days=1)
#: Counting millions of facts takes longer than a question may that holds locks: this one holds none.
STATEMENT_MS = 600_000


def register(app: typer.Typer) -> None:
    app.command()(loss)


def loss(
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_moment,
            metavar="WHEN",
            help="What occurred since then: 90d, 12h, a time [default: 30 days].",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="WHEN", help="What occurred before then."),
    ] = None,
    of_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this type, such as ORDER.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write counts and ids, no bodies, as JSON to send to the partner.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count by type and day what came by push, by pull only (lost by the push), both ways, and how late."""
    settings = load(data).require("database")
    wanted = _wanted(settings, of_type, partner)
    from ops.render.console import notes

    with notes.status("counting"):
        document, ids = _read(settings, since, until, wanted, with_ids=evidence is not None)
    if evidence is not None:
        _write(evidence, {**document, **ids})
    if as_json:
        write_json(document)
    else:
        _print(document)
    if evidence is not None:
        notes.print(f"the evidence is written: {evidence}", soft_wrap=True, markup=False)


def _wanted(settings: Settings, of_type: str | None, partner: str | None) -> list[Named] | None:
    """The types that are asked for, as they are spelled here; None for all. Raises typer.BadParameter."""
    from workers.reports.callback_types import callback_types

    names = callback_types(settings.partner_folders).names()
    if partner is not None:
        check_partner(settings, partner)
        names = [one for one in names if one.partner == partner]
    elif of_type is None:
        return None
    if of_type is None:
        return names
    found = [one for one in names if one.callback_type.upper() == of_type.upper()]
    if not found:
        told = ", ".join(sorted({one.callback_type for one in names}))
        raise typer.BadParameter(f"there is no type {of_type}: there is {told}")
    return found


def _read(
    settings: Settings,
    since: datetime | None,
    until: datetime | None,
    wanted: list[Named] | None,
    *,
    with_ids: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document and, where they are wanted, the ids; all as of one moment."""
    from ops.render.loss_report import Found, evidence, report
    from store.db.connections import connect
    from store.pulls import poll_schedule
    from store.reports import loss, recorded, unconfirmed
    from store.reports.loss_days import DAYS
    from workers.reports.callback_types import callback_types
    from workers.reports.loss_days import counts, span
    from workers.reports.pull_reach import confirming

    types = callback_types(settings.partner_folders)
    with (
        connect(settings.database, "ops", statement_ms=STATEMENT_MS) as conn,
        loss.snapshot(conn),
    ):
        now = poll_schedule.server_time(conn)
        first = since or _midnight(until or now) - timedelta(days=DAYS - 1)
        of = span(first, until or now + AHEAD, types, wanted)
        by = confirming(conn, settings.pull.overlap, types)
        found = Found(
            types,
            wanted,
            counts(conn, of, by, types),
            loss.delays(conn, of),
            loss.deliveries(conn, of),
            [] if wanted else loss.records(conn, of),
        )
        document = {"at": now, "since": first, "until": until, "judged": by.whole, **report(found)}
        ids = {}
        if with_ids:
            ids = evidence(
                found,
                loss.lost(conn, of),
                unconfirmed.flagged(conn, of, by),
                recorded.untold_each(conn, of, by.recordings, by.grace),
                recorded.flagged(conn, of, by.recordings, by.grace),
            )
    return document, ids


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time.min, UTC)


def _write(file: Path, document: dict[str, Any]) -> None:
    import orjson

    from ops.files import write_private_or_refuse

    options = orjson.OPT_UTC_Z | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_private_or_refuse(file, orjson.dumps(document, option=options), "the evidence")


_HEADERS = (
    "pushed",
    "pulled only",
    "both",
    "unconfirmed",
    "flagged",
    "push late by (median, 95%, most)",
    "pull late by",
    "the partner says of what was lost",
    "and of both",
)


def _print(document: dict[str, Any]) -> None:
    from ops.render.console import screen
    from ops.render.tables import moment, note, print_table

    if document["days"]:
        days = [(row["day"], row["partner"], row["type"], *_cells(row)) for row in document["days"]]
        print_table(("day", "partner", "type", *_HEADERS), days, fold=_HEADERS[-2:])
        types = [(row["partner"], row["type"], *_cells(row)) for row in document["types"]]
        print_table(("all days", "type", *_HEADERS), types, fold=_HEADERS[-2:])
    else:
        until = "" if document["until"] is None else f" and before {moment(document['until'])}"
        screen.print(f"no callback occurred since {moment(document['since'])}{until}", soft_wrap=True)
    if document["records"]:
        seen = [(row["day"], row["kind"], row["seen"]) for row in document["records"]]
        print_table(("day", "kind", "states seen in records"), seen, fold=())
    flagged = sum(row["flagged"] for row in document["types"])
    if flagged:
        note(
            f"{flagged:,} came by push alone though the partner was asked since: it may not have sent them. "
            "--evidence FILE lists them"
        )
    if not document["judged"]:
        note("what was pulled just now is not applied yet: nothing is flagged by it")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("pushed", "pulled_only", "both", "unconfirmed", "flagged")
    counts = [f"{row[name]:,}" for name in names]
    says = row["partner_says"]
    return (
        *counts,
        _late(row["push_delay"]),
        _late(row["pull_delay"]),
        _says(says["pulled_only"]),
        _says(says["both"]),
    )


def _late(delay: dict[str, int] | None) -> str:
    from ops.render.tables import age

    return "-" if delay is None else ", ".join(age(delay[name]) for name in ("median", "p95", "most"))


def _says(says: dict[str, int]) -> str:
    return ", ".join(f"{word}: {number:,}" for word, number in says.items()) or "-"
