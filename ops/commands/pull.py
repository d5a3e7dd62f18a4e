"""`pull`: fetch now, in the foreground, what the partner's pushes may have missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

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

__all__ = ["register"]

#: A person waits as long as the partner asks, but sees it.
PATIENCE = 3600.0


def register(app: typer.Typer) -> None:
    app.command()(pull)


def pull(
    stream: Annotated[
        str | None,
        typer.Option(metavar="S", help="Only this stream, such as notify_rx or fill_request [default: all]."),
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
    """Fetch now what was missed, until the partner has no more of it.

    It can be interrupted and run again: nothing is lost or counted twice.
    """
    if entity is not None and (stream is not None or since is not None):
        raise typer.BadParameter("--entity goes without --stream and --since")
    settings = load(data).require("database", "sealing")
    if settings.partner("truepill").api_key is None:
        raise Refused("RXLEDGER_TRUEPILL_API_KEY is not set: pulls are off")
    from workers.pull.puller import UnknownStream

    outcome: IdleReport | None = None
    with _puller(settings) as puller:
        try:
            if entity is not None:
                reports = _one(puller, settings, *entity)
            elif stream is not None:
                reports = [_run(puller, stream, since)]
            else:
                outcome = _until_idle(puller, since, settings.pull.calls_per_minute)
                reports = outcome.reports
        except UnknownStream as error:
            raise Refused(str(error)) from None
        except ValueError as error:  # a key that may stand in no URL
            raise Refused(str(error)) from None
    document = {"streams": [_document(report) for report in reports], **_left(outcome)}
    if as_json:
        write_json(document)
    else:
        _print(reports, outcome)
    _judge(reports, outcome)


@contextmanager
def _puller(settings: Settings) -> Iterator[Puller]:
    from store.db.connections import connect
    from workers.celery.runtime import tools
    from workers.pull.puller import Puller

    with (
        connect(settings.database, "ops") as conn,
        Puller(settings, conn, tools(settings), patience=PATIENCE, hint=_Hints(settings)) as puller,
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


def _run(puller: Puller, name: str, since: datetime | None) -> Report:
    from ops.render.console import notes

    with notes.status(f"{name}: asking") as status:
        return puller.pull(name, since=since, tell=_telling(status), as_of=puller.clock())


def _until_idle(puller: Puller, since: datetime | None, calls_per_minute: int) -> IdleReport:
    from ops.render.console import notes
    from workers.pull.pull_until_idle import pull_until_idle

    def planned(left: Left) -> None:
        minutes = left.due / calls_per_minute
        if minutes >= 1:
            notes.print(
                f"{left.due:,} requests are to be asked about: {minutes:.0f} minutes or more,"
                f" at {calls_per_minute:,} calls a minute (RXLEDGER_TRUEPILL_CALLS_PER_MINUTE)"
            )

    with notes.status("asking") as status:
        return pull_until_idle(puller, puller.names(), since, tell=_telling(status), planned=planned)


def _telling(status: Status) -> Callable[[Report], None]:
    def tell(report: Report) -> None:
        status.update(
            f"{report.stream}: {report.pages:,} pages, {report.events:,} events, {report.stored:,} new"
        )

    return tell


def _one(puller: Puller, settings: Settings, kind: str, name: str) -> list[Report]:
    from ops.render.console import notes
    from ops.render.keys import own_key
    from store.reports import queries

    with queries.snapshot(settings.database) as conn:
        key = own_key(conn, kind, name)
    with notes.status(f"{kind} {key}: asking"):
        reports = puller.pull_entity(kind, key)
    if reports is None:
        raise Refused(f"there is no {kind} {key}")
    return reports


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
