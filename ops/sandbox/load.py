"""`sandbox load`: drives a load against a running sandbox, shows how it goes, and sums it up."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.moments import parse_span
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json
from ops.tail import Tail, print_change

if TYPE_CHECKING:
    from settings import Database
    from store.ledger.feed import Change

__all__ = ["load_command"]


def load_command(
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Callbacks a second.")] = 100.0,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Begin journeys for so long, such as 60s.")
    ] = None,
    journeys: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Begin so many journeys [default: --for 60s].")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="How the partner behaves meanwhile: calm, lossy, hostile, black-friday."),
    ] = None,
    with_payments: Annotated[
        bool, typer.Option("--with-payments", help="Also fills that patients pay for, with both partners.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of what the journeys draw.")] = 0,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print each change of state as it comes, and where its story is.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drive whole patient journeys; returns when their callbacks are delivered."""
    import asyncio

    from sandbox.load import Load, LoadError, run

    settings = load(data).require("sandbox")
    if settings.sandbox_url is None:
        raise Refused("no sandbox is known: RXLEDGER_SANDBOX_URL is not set, and no `up` has written it")
    wanted = Load(
        rate=rate,
        seconds=parse_span(duration) if duration else (None if journeys else 60.0),
        journeys=journeys,
        profile=profile,
        # Patients of one name would be one patient: each load has names of its own.
        name=f"load-{secrets.token_hex(4)}",
        seed=seed,
        with_payments=with_payments,
    )
    if watch and as_json:
        raise typer.BadParameter("--watch is for people: without --json")
    shown: _Shown | _Watched = _Shown(wanted.journeys)
    if watch:
        shown = _Watched(settings.require("database").database)
    try:
        with shown:
            report = asyncio.run(run(settings.sandbox_url, settings.sandbox_keys[0], wanted, shown.update))
    except (LoadError, ValueError) as error:
        raise Refused(str(error)) from None
    document = _document(wanted.profile, report)
    if as_json:
        write_json(document)
    else:
        _print(document)
    if report.failed:
        raise Refused(f"{sum(report.failed.values())} journeys broke off: {next(iter(report.failed))}")


class _Shown:
    """How it goes, on stderr, where a person can see it."""

    def __init__(self, journeys: int | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from ops.render.console import notes

        columns = (TextColumn("journeys"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(
            *columns,
            TextColumn("{task.description}"),
            console=notes,
            transient=True,
            disable=not notes.is_terminal,
        )
        self._total = journeys
        self._task = self._bar.add_task("", total=journeys)

    def update(self, report: Any) -> None:
        text = f"{report.delivered} callbacks delivered, {report.delivered / report.seconds:.0f}/s"
        total = self._total or report.journeys
        self._bar.update(self._task, completed=report.ended, total=total, description=text)

    def __enter__(self) -> _Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


class _Watched:
    """Each change of state, on stdout, while the load goes on; then how to read the last one's story."""

    def __init__(self, database: Database) -> None:
        self._tail = Tail(database)
        self._last: Change | None = None

    def update(self, _: Any) -> None:
        for change in self._tail.look():
            print_change(change)
            self._last = change

    def __enter__(self) -> _Watched:
        self._tail.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if error is None:
                # What was delivered a moment ago is applied within a second, when the workers are not behind.
                time.sleep(1.0)
                self.update(None)
        finally:
            self._tail.__exit__(kind, error, trace)
        if self._last is not None:
            from ops.render.console import screen
            from ops.render.tables import cell

            screen.print()
            for command in ("show " + self._last.kind, "trace"):
                screen.print(cell(f"rxledger {command} {self._last.key}", ""), soft_wrap=True)


def _document(profile: str | None, report: Any) -> dict[str, Any]:
    journeys, sent = max(1, report.journeys), max(1, report.sent)
    return {
        "profile": profile,
        "journeys": dict(sorted(report.begun.items())),
        "failed": dict(sorted(report.failed.items())),
        "left_off": report.left_off,
        "requests": report.requests,
        "callbacks": {
            "generated": report.generated,
            "sent": report.sent,
            "delivered": report.delivered,
            "per_second": round(report.per_second, 1),
        },
        "seconds": round(report.seconds, 3),
        "driving_seconds": round(report.driving_seconds, 3),
        "sandbox": {
            "cpu_seconds": round(report.sandbox_cpu, 3),
            "cpu_share": round(report.sandbox_cpu / max(report.seconds, 1e-9), 3),
            "ms_per_journey": round(report.sandbox_cpu / journeys * 1000, 3),
            "ms_per_callback": round(report.sandbox_cpu / sent * 1000, 3),
        },
        "load_cpu_seconds": round(report.own_cpu, 3),
    }


def _print(document: dict[str, Any]) -> None:
    from ops.render.console import screen
    from ops.render.tables import cell, note, print_table

    rows = list(document["journeys"].items())
    print_table(("journey", "begun"), rows, fold=("journey",))
    told, cost = document["callbacks"], document["sandbox"]
    lines = [
        f"{told['generated']} events generated, {told['sent']} callbacks sent, {told['delivered']} delivered"
        f" in {document['seconds']:.1f} s, at {told['per_second']:.0f}/s while journeys were begun",
        f"the sandbox took {cost['cpu_seconds']:.1f} s of CPU ({cost['cpu_share']:.0%} of a core):"
        f" {cost['ms_per_journey']:.2f} ms a journey, {cost['ms_per_callback']:.2f} ms a callback;"
        f" the load itself took {document['load_cpu_seconds']:.1f} s",
    ]
    for line in lines:
        screen.print(cell(line, ""), soft_wrap=True)
    if document["left_off"]:
        note(f"this sandbox has no endpoints for: {', '.join(document['left_off'])}")
    for reason, count in document["failed"].items():
        note(f"{count} broke off: {reason}")
