"""`stuck` and `worklist`: what is past its deadline, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.kinds import check_kind
from ops.arguments.moments import parse_moment
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from settings import Settings
    from store.payments.intents import Intent
    from store.reports.loss_days import Totals
    from store.reports.unjoined import Unjoined
    from store.reports.worklists import QuarantinedReason, WorkItem

__all__ = ["register"]

KindOption = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind.")]
LimitOption = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")]
AtOption = typer.Option(
    parser=parse_moment,
    metavar="WHEN",
    help="As of this time (ISO 8601, or 2h ago) instead of the database's now.",
)

_DATE = "the date that the partner gave has come"
_NO_CLOCK = "its deadline has passed"


def register(app: typer.Typer) -> None:
    app.command()(stuck)
    app.command()(worklist)


def stuck(
    kind: KindOption = None,
    limit: LimitOption = 100,
    at: Annotated[Any, AtOption] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is past its deadline, the oldest deadline first."""
    from ops.render.unjoined import all_unjoined
    from store.reports import queries, worklists

    with _reading(data, kind, at) as (conn, now, _):
        found = worklists.past_deadline(conn, now, kind, limit + 1)
        unjoined = all_unjoined(queries.driver(conn), kind) if found else {}
    shown = [_stuck(each, unjoined) for each in _cut(found, limit)]
    columns = ("deadline", "kind", "key", "state", "since", "why")
    _give("stuck", shown, columns, as_json, "nothing is past its deadline")


def worklist(
    kind: KindOption = None,
    limit: LimitOption = 100,
    at: Annotated[Any, AtOption] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what needs a person, by date: conflicts, silence, deadlines, dates that have come, what is to be
    paid or given back, our faults.
    """
    from ops.render.unjoined import all_unjoined
    from ops.render.unpaid import about_money
    from store.payments.intents import open_intents
    from store.reports import loss_days, queries, worklists

    with _reading(data, kind, at) as (conn, now, settings):
        after, most = settings.silence.after, limit + 1
        found = [_item("review", each) for each in worklists.under_review(conn, kind, most)]
        found += [_item("silence", each) for each in worklists.silent(conn, now, kind, most, after)]
        late = worklists.past_deadline(conn, now, kind, most, less=after)
        found += [_item("deadline", each) for each in late]
        found += [_item("due", each) for each in worklists.due_today(conn, now, kind, most, less=after)]
        found = _with_unjoined(found, all_unjoined(queries.driver(conn), kind))
        found += [_unsettled(each) for each in open_intents(queries.driver(conn), kind, most)]
        found = about_money(conn, settings, now, found, kind, most)
        if kind is None:
            found += [_quarantined(each) for each in worklists.quarantined_for(conn, _ours())]
            found += _partners(conn, now, settings)
            found += _unconfirmed(loss_days.totals(queries.driver(conn), loss_days.DAYS))
    found.sort(key=lambda item: (item["at"], item["what"], item["kind"] or "", item["key"] or ""))
    columns = ("at", "what", "kind", "key", "state", "why")
    _give("worklist", _cut(found, limit), columns, as_json, "nothing needs a person")


@contextmanager
def _reading(
    data: Path | None, kind: str | None, at: datetime | None
) -> Iterator[tuple[Connection, datetime, Settings]]:
    """One snapshot, the time that counts as now, and the settings."""
    if kind is not None:
        check_kind(kind)
    settings = load(data).require("database")
    from ops.render.console import notes
    from store.reports import figures, queries

    with notes.status("looking"), queries.snapshot(settings.database) as conn:
        yield conn, at or figures.server_time(conn), settings


def _cut(found: list[Any], limit: int) -> list[Any]:
    """What was asked for; a list that is cut says so."""
    if len(found) > limit:
        from ops.render.tables import note

        note(f"only the first {limit} are shown; --limit shows more")
    return found[:limit]


def _why(waiting: WorkItem) -> str:
    """Why a deadline is one: the reason on the machine's page, or the partner's own date."""
    from statemachine import MACHINES

    if waiting.on_date:
        return _DATE
    machine = MACHINES.get(waiting.kind)
    clock = machine.clocks.get(waiting.state) if machine is not None else None
    if machine is not None and waiting.prompt is not None:
        clock = machine.prompts.get(waiting.prompt)
    return _NO_CLOCK if clock is None else clock.why


def _of_parcel(waiting: WorkItem, why: str | None) -> str | None:
    return f"a further parcel: {why}" if waiting.parcel else why


def _with_unjoined(
    found: list[dict[str, Any]], unjoined: Mapping[tuple[str, str], Unjoined]
) -> list[dict[str, Any]]:
    """Says of requests why nothing was heard of them, and lists those that only a person can join."""
    from ops.render.unjoined import needs_a_person, why_unjoined

    asked = {name: one for name, one in unjoined.items() if needs_a_person(one)}
    told = [item for item in found if (item["kind"], item["key"]) not in asked]
    for item in told:
        if one := unjoined.get((item["kind"], item["key"])):
            item["why"] = why_unjoined(one)
    return told + [
        {
            "what": "join",
            "kind": one.kind,
            "key": one.key,
            "state": one.state,
            "at": one.registered_at,
            "why": why_unjoined(one),
        }
        for one in asked.values()
    ]


def _stuck(waiting: WorkItem, unjoined: Mapping[tuple[str, str], Unjoined]) -> dict[str, Any]:
    from ops.render.unjoined import why_unjoined

    one = unjoined.get((waiting.kind, waiting.key))
    return {
        "kind": waiting.kind,
        "key": waiting.key,
        "state": waiting.state,
        "since": waiting.since,
        "deadline": waiting.at,
        "why": why_unjoined(one) if one else _of_parcel(waiting, _why(waiting)),
    }


def _loss(waiting: WorkItem) -> str | None:
    """What an entity's silence means, as the machine's page says it."""
    from statemachine import MACHINES

    silence = MACHINES[waiting.kind].clocks[waiting.state].silence
    return None if silence is None else silence.means


_REASON: dict[str, Callable[[WorkItem], str | None]] = {
    "review": lambda waiting: waiting.review,
    "silence": _loss,
    "deadline": _why,
    "due": lambda waiting: _DATE,
}


def _item(what: str, waiting: WorkItem) -> dict[str, Any]:
    return {
        "what": what,
        "kind": waiting.kind,
        "key": waiting.key,
        "state": waiting.state,
        "at": waiting.at,
        "why": _of_parcel(waiting, _REASON[what](waiting)),
    }


def _unsettled(intent: Intent) -> dict[str, Any]:
    """Something that went out and may have been taken: nobody sends it again before it is settled."""
    from ops.render.intents import why_unsettled

    kind, key = intent.subject.kind, intent.subject.key
    return {
        "what": "unknown",
        "kind": None if kind == "patient" else kind,
        "key": None if kind == "patient" else key,
        "state": intent.state,
        "at": intent.sent_at or intent.at,
        "why": why_unsettled(intent),
    }


def _ours() -> list[str]:
    """The reasons of the quarantine that are ours to mend."""
    from ops.render.reasons import REASONS

    return [reason for reason, explained in REASONS.items() if explained.care == "ours"]


def _quarantined(row: QuarantinedReason) -> dict[str, Any]:
    from ops.render.reasons import explain

    explained = explain(row.reason)
    counted = f"{row.events} {'event' if row.events == 1 else 'events'}"
    why = f"{row.reason}, {counted}: {explained.meaning} {explained.todo}"
    return {"what": "quarantine", "kind": None, "key": None, "state": None, "at": row.since, "why": why}


def _partners(conn: Connection, now: datetime, settings: Settings) -> list[dict[str, Any]]:
    """Partners that push nothing while pulls show events."""
    from datetime import timedelta

    from ops.doctor.silence import of_partner
    from store.reports import pushes, queries
    from workers.reports.callback_types import callback_types
    from workers.reports.pull_reach import recordings

    recorded = recordings(callback_types(settings.partner_folders))
    least = timedelta(seconds=settings.silence.push)
    found = pushes.silences(queries.driver(conn), now, least, recorded)
    return [
        {
            "what": "partner",
            "kind": None,
            "key": None,
            "state": None,
            "at": one.since,
            "why": f"pushes of {one.partner}: {of_partner(one, now)}",
        }
        for one in found
        if one.missed
    ]


def _unconfirmed(of: list[Totals]) -> list[dict[str, Any]]:
    """One item for all that was pushed and is not among what the partner gives."""
    since = min((row.since for row in of if row.since is not None), default=None)
    if since is None:
        return []
    why = (
        f"{sum(row.flagged for row in of)} callbacks came by push alone, and not where the partner had to "
        "tell them too: `rxledger loss --evidence FILE` lists them, ask whether it sent them"
    )
    at = datetime.combine(since, time.min, UTC)
    return [{"what": "unconfirmed", "kind": None, "key": None, "state": None, "at": at, "why": why}]


def _give(
    name: str, items: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, empty: str
) -> None:
    if as_json:
        write_json({name: items})
        return
    from ops.render.console import screen
    from ops.render.tables import print_table

    if items:
        print_table(columns, [[item[column] for column in columns] for item in items], fold=("key", "why"))
    else:
        screen.print(empty)
