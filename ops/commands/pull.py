"""`pull`: fetch now, in the foreground, what partners' pushes may have missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ops.arguments.moments import parse_moment
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from rich.status import Status

    from settings import Settings
    from store.pulls.poll_schedule import Left
    from workers.pull.pull_until_idle import IdleReport
    from workers.pull.puller import Puller
    from workers.pull.run import Report

    #: A run, and whose stream it was of.
    Pulled: TypeAlias = tuple[str, Report]

__all__ = ["register"]

#: A person waits as long as the partner asks, but sees it.
PATIENCE = 3600.0


def register(app: typer.Typer) -> None:
    app.command()(pull)


def pull(
    stream: Annotated[
        str | None,
        typer.Option(
            metavar="S", help="Only this stream, such as notify_rx or healnow.orders [default: all]."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="WHEN", help="Read again since then: 30d, 12h, a time."),
    ] = None,
    entity: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="KIND KEY", help="Only this one: its events, its record."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch now what was missed, until the partners have no more of it.

    It can be interrupted and run again: nothing is lost or counted twice.
    """
    if entity is not None and (stream is not None or since is not None):
        raise typer.BadParameter("--entity goes without --stream and --since")
    settings = load(data).require("database", "sealing")
    from workers.pull.puller import UnknownStream

    outcome: IdleReport | None = None
    try:
        if entity is not None:
            pulled = _one(settings, *entity)
        elif stream is not None:
            pulled = _run(settings, stream, since)
        else:
            pulled, outcome = _until_idle(settings, since)
    except UnknownStream as error:
        raise Refused(str(error)) from None
    except ValueError as error:  # a key that may stand in no URL
        raise Refused(str(error)) from None
    reports = [report for _, report in pulled]
    if as_json:
        streams = [{"partner": partner, **_document(report)} for partner, report in pulled]
        write_json({"streams": streams, **_left(outcome)})
    else:
        _print(reports, outcome)
    _judge(reports, outcome)


@contextmanager
def _puller(settings: Settings, partner: str) -> Iterator[Puller]:
    from store.db.connections import connect
    from workers.celery.runtime import tools
    from workers.pull.puller import Puller

    hints = _Hints(settings)
    with (
        connect(settings.database, "ops") as conn,
        Puller(settings, conn, tools(settings), patience=PATIENCE, hint=hints, partner=partner) as puller,
    ):
        yield puller


class _Hints:
    """Hints for the workers while the broker takes them; what is left the sweeper finds."""

    def __init__(self, settings: Settings) -> None:
        self._works = settings.broker_url is not None

    def __call__(self, seqs: Sequence[int]) -> None:
        from ops.render.console import notes
        from workers.celery.hints import HINT_IDS, send

        for start in range(0, len(seqs), HINT_IDS):
            if self._works:
                try:
                    send(seqs[start : start + HINT_IDS])
                except Exception:  # each transport raises errors of its own
                    self._works = False
                    notes.print("the broker does not take hints: the sweeper applies what is pulled")


def _run(settings: Settings, stream: str, since: datetime | None) -> list[Pulled]:
    """Raises UnknownStream."""
    from ops.render.console import notes
    from workers.pull.puller import partner_of

    partner, name = partner_of(settings, stream)
    with _puller(settings, partner) as puller, notes.status(f"{name}: asking") as status:
        report = puller.pull(name, since=since, tell=_telling(status), as_of=puller.clock())
        return [(partner, report)]


def _until_idle(settings: Settings, since: datetime | None) -> tuple[list[Pulled], IdleReport]:
    """One partner after the other. Raises Refused where there is none, UnknownStream."""
    from workers.pull.puller import pulled_partners

    partners = pulled_partners(settings)
    if not partners:
        names = ", ".join(f"RXLEDGER_{one.name.upper()}_API_KEY" for one in reversed(settings.partners))
        raise Refused(f"none of {names} is set: pulls are off")
    pulled: list[Pulled] = []
    outcomes = []
    for partner in partners:
        with _puller(settings, partner) as puller:
            outcome = _partner_until_idle(puller, since, settings.partner(partner).calls.calls_per_minute)
        outcomes.append(outcome)
        pulled += [(partner, report) for report in outcome.reports]
    return pulled, _together(outcomes)


def _together(outcomes: list[IdleReport]) -> IdleReport:
    from store.pulls.poll_schedule import Left
    from workers.pull.pull_until_idle import IdleReport

    left = [outcome.left for outcome in outcomes]
    moments = [one.next_at for one in left if one.next_at is not None]
    whole = Left(sum(one.due for one in left), sum(one.later for one in left), min(moments, default=None))
    reports = [report for outcome in outcomes for report in outcome.reports]
    return IdleReport(reports, whole, all(outcome.done for outcome in outcomes))


def _partner_until_idle(puller: Puller, since: datetime | None, calls_per_minute: int) -> IdleReport:
    from ops.render.console import notes
    from workers.pull.pull_until_idle import pull_until_idle

    def planned(left: Left) -> None:
        minutes = left.due / calls_per_minute
        if minutes >= 1:
            notes.print(
                f"{left.due:,} requests are to be asked about: {minutes:.0f} minutes or more, at"
                f" {calls_per_minute:,} calls a minute (RXLEDGER_{puller.partner.upper()}_CALLS_PER_MINUTE)"
            )

    with notes.status("asking") as status:
        return pull_until_idle(puller, puller.names(), since, tell=_telling(status), planned=planned)


def _telling(status: Status) -> Callable[[Report], None]:
    def tell(report: Report) -> None:
        status.update(
            f"{report.stream}: {report.pages:,} pages, {report.events:,} events, {report.stored:,} new"
        )

    return tell


def _one(settings: Settings, kind: str, name: str) -> list[Pulled]:
    """Raises Refused where there is no such entity, UnknownStream, ValueError."""
    from ops.render.console import notes
    from ops.render.keys import own_key
    from store.reports import queries
    from workers.pull.puller import partner_about

    partner = partner_about(settings, kind)
    with queries.snapshot(settings.database) as conn:
        key = own_key(conn, kind, name)
    with _puller(settings, partner) as puller, notes.status(f"{kind} {key}: asking"):
        reports = puller.pull_entity(kind, key)
    if reports is None:
        raise Refused(f"there is no {kind} {key}")
    return [(partner, report) for report in reports]


def _document(report: Report) -> dict[str, Any]:
    return {
        "stream": report.stream,
        "pages": report.pages,
        "seen": report.events,
        "stored": report.stored,
        "nameless": report.unidentified,
        "refused": report.refused,
        "finished": report.finished,
        "busy": report.busy,
        "wait": report.wait,
        "trouble": report.trouble,
    }


def _left(outcome: IdleReport | None) -> dict[str, Any]:
    if outcome is None:
        return {}
    left = outcome.left
    return {
        "settled": outcome.done,
        "left": {
            "due": left.due,
            "later": left.later,
            "next_at": left.next_at,
        },
    }


def _print(reports: list[Report], outcome: IdleReport | None) -> None:
    from ops.render.console import screen
    from ops.render.tables import moment, print_table

    counted = [(r.stream, r.pages, r.events, r.stored, r.unidentified, r.refused) for r in reports]
    rows = [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in counted]
    print_table(("stream", "pages", "events", "new", "without a name", "not given"), rows, fold=())
    if outcome is None:
        screen.print("what is new is applied by the workers", soft_wrap=True)
        return
    if outcome.done:
        screen.print("settled: the partner was asked for everything that it offers", soft_wrap=True)
    if outcome.left.next_at is not None:
        text = (
            f"{outcome.left.later:,} requests wait for news: they are asked about again,"
            f" the first at {moment(outcome.left.next_at)}"
        )
        screen.print(text, soft_wrap=True)


def _judge(reports: list[Report], outcome: IdleReport | None) -> None:
    """Raises Refused with a clause for each stream that was not read to its end."""
    clauses = []
    for report in reports:
        if report.busy:
            clauses.append(f"{report.stream} is being read by another process")
        elif report.trouble is not None:
            clauses.append(f"{report.stream}: {report.trouble}")
        elif report.wait is not None:
            clauses.append(f"{report.stream}: the partner wants no call for {report.wait:.0f} s")
    if outcome is not None and outcome.left.due:
        clauses.append(f"{outcome.left.due:,} requests are still to be asked about")
    if clauses:
        raise Refused("; ".join(clauses))
