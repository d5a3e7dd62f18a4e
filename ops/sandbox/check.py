"""`sandbox check`: our states and histories against the sandbox's truth, once the queue is empty."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.sandbox.compare import Report
    from settings import Settings

__all__ = ["check_command"]

POLL_SECONDS = 0.25
SWEPT_AT_ONCE = 2000
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
        joins = f", {len(report.joins)} payments are for nothing yet" if report.joins else ""
        if report.to_be_had:
            joins += f", {report.to_be_had} fills are left out of the sums for what is still to be had"
        raise Refused(
            f"{len(report.wrong)} differences are wrong, {len(report.recoverable)} facts and {states} states"
            f" differ that the partner still offers{joins}"
        )


def _check(settings: Settings, sandbox: str, wait: float) -> tuple[dict[str, Any], Report]:
    from ops.render.tables import progress
    from ops.sandbox.compare import compare
    from ops.sandbox.compare_payments import compare_checkouts, compare_joins, compare_sums
    from ops.sandbox.payments import Payments, settle
    from ops.sandbox.read_known import read_known
    from ops.sandbox.read_truth import read_truth
    from ops.sandbox.truth import Truth
    from workers.celery.runtime import tools

    if settings.lookup_key is None:
        raise Refused("RXLEDGER_LOOKUP_KEY is not set")
    using, truth, payments = tools(settings), Truth(), Payments()
    key = _key(settings)
    with progress("reading the truth", None) as advance:
        figures = read_truth(sandbox, key, using.keyed_hash, advance, truth, payments)
    _until_applied(settings, wait)
    ours = read_known(settings.database, truth, payments, using)
    truth.closed = True
    read_truth(sandbox, key, using.keyed_hash, lambda _: None, truth, payments)
    settle(payments, truth.entities)
    report = compare(truth, ours.known, ours.standings, figures["live_contract"], ours.lost)
    compare_joins(report, payments, truth, ours.known, ours.joins)
    compare_checkouts(report, payments, ours.checkouts)
    sums = compare_sums(report, payments, truth, ours.known, ours.balances)
    document = {
        "events": {
            "generated": truth.events,
            "delivered": truth.delivered,
            "never_delivered": truth.never_delivered,
            "perhaps": truth.perhaps,
            "waiting": truth.waiting,
            "of_unknown_type": truth.strange,
        },
        "entities": {"of_the_sandbox": len(truth.entities), "of_others": ours.others, "agree": report.agree},
        "wrong": report.wrong,
        "recoverable": report.recoverable,
        "unrecoverable": report.unrecoverable,
        "states": report.states,
        "loss": report.loss,
        "payments": {
            "of_the_sandbox": len(payments.known),
            "joined": report.joined,
            "untold": report.untold,
            "cents": sums,
        },
        "joins": report.joins,
    }
    return document, report


def _key(settings: Settings) -> str | None:
    """Whose pulls could close a gap: ours, or the first customer's where pulls are off or go elsewhere."""
    keys = (*settings.sandbox_keys, *settings.sandbox_live_keys)
    own = settings.partner("truepill").api_key
    return own if own in keys else next(iter(keys), None)


def _until_applied(settings: Settings, wait: float) -> None:
    """Wait until the queue and this machine's spool are empty, and no event is to be read anew, since a name
    of it is another's by now. Raises Refused when it does not become so.
    """
    from ops.doctor.spool_depth import spool_depth
    from ops.render.console import notes
    from store.inbox.queue import waiting
    from store.ledger.aliases import stale_news
    from store.reports import queries

    deadline = time.monotonic() + wait
    with notes.status("waiting for the queue") as status:
        while True:
            with queries.snapshot(settings.database) as conn:
                events = waiting(queries.driver(conn)) + len(stale_news(queries.driver(conn), SWEPT_AT_ONCE))
            spooled = spool_depth(settings.spool).files
            if not events and not spooled:
                return
            if time.monotonic() > deadline:
                raise Refused(f"the queue is not empty after {wait:g} s: {events} events wait to be applied")
            status.update(f"waiting for the queue: {events} events")
            time.sleep(POLL_SECONDS)


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
    payments = document["payments"]
    if payments["of_the_sandbox"]:
        lines.append(
            f"{payments['joined']} of {payments['of_the_sandbox']} payments are for what they truly are for"
        )
        true, ours = payments["cents"]["true"], payments["cents"]["known"]
        lines.append(f"of {payments['cents']['fills']} fills {_dollars(ours)}; truly {_dollars(true)}")
        if left_out := payments["cents"]["left_out"]:
            lines.append(
                f"{left_out} fills are left out of these sums: what they rest on is not known as it is"
            )
        if payments["untold"]:
            lines.append(
                f"{payments['untold']} payments are for a fill of which nobody said that it is theirs"
            )
    if dropped := sum(row["dropped"] for row in document["loss"]):
        pulled = sum(row["pulled_only"] for row in document["loss"])
        lines.append(f"{dropped} lost callbacks are still given to pulls; the loss ledger has {pulled}")
    for line in lines:
        screen.print(cell(line, ""), soft_wrap=True)
    _print_some("wrong", document["wrong"], _wrong)
    _print_some("missing, and still to be had", document["recoverable"], _missing)
    _print_some("payments that are for nothing yet", document["joins"], _join)
    _print_some("states that differ for it", document["states"], _state)
    _print_some("missing, and no surface offers it any more", document["unrecoverable"], _missing)


def _dollars(sums: dict[str, int]) -> str:
    return ", ".join(f"${Decimal(cents).scaleb(-2)} {name}" for name, cents in sums.items())


def _wrong(row: dict[str, Any]) -> list[Any]:
    if "event" in row:
        return [row["what"], f"event {row['event']}", row["standing"]]
    if row.get("kind") == "payment" and "fill" in row:
        return [row["what"], f"payment {row['key']}", f"for fill_request {row['fill']}"]
    if row["what"] == "cents":
        return ["cents", f"fill_request {row['key']}", f"{row['cents']}, not {row['true']}"]
    if "dropped" in row:
        return [row["what"], row["type"], f"{row['pulled_only']} pulled only, not {row['dropped']}"]
    if row["what"] in ("outcome", "lines"):
        return [row["what"], f"{row['kind']} {row['key']}", f"{row[row['what']]}, not {row['true']}"]
    if "review" in row["what"]:
        told = row.get("review") or f"{row['state']}, and the partner has contradicted itself on purpose"
        return [row["what"], f"{row['kind']} {row['key']}", told]
    told = f"{row['state']}, not {row['true']}" if "true" in row else f"{row['signal']} {row['occurred_at']}"
    return [row["what"], f"{row['kind']} {row['key']}", told]


def _join(row: dict[str, Any]) -> list[Any]:
    return [f"payment {row['key']}", f"fill_request {row['fill']}", row["surfaces"]]


def _missing(row: dict[str, Any]) -> list[Any]:
    return [f"{row['kind']} {row['key']}", f"{row['signal']} {row['occurred_at'] or ''}", row["surfaces"]]


def _state(row: dict[str, Any]) -> list[Any]:
    if "review" in row:
        told = f"review {row['review']}" if row["review"] else "no review yet"
        return [f"{row['kind']} {row['key']}", told, row["surfaces"]]
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
