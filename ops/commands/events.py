"""`events`: list and filter the inbox; `events show ID`: one event, and on request its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.kinds import check_kind
from ops.arguments.moments import parse_moment
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from datetime import datetime

    from settings import Settings
    from store.reports.events import EventFilter, EventRow

__all__ = ["register"]

STATUSES = ("queued", "applied", "quarantined")
MomentOption = typer.Option(parser=parse_moment, metavar="WHEN", help="15m, 2h, 3d or 1w ago, or ISO 8601.")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List and filter inbox events, or show one.", invoke_without_command=True)
    group.callback()(listing)
    group.command("show")(show_event)
    app.add_typer(group, name="events")


def listing(
    context: typer.Context,
    callback_type: Annotated[str | None, typer.Option("--type", help="Such as ORDER.")] = None,
    status: Annotated[str | None, typer.Option(help=" | ".join(STATUSES))] = None,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    via: Annotated[str | None, typer.Option(help="push, pull or snapshot.")] = None,
    entity: Annotated[
        tuple[str, str] | None, typer.Option(metavar="KIND KEY", help="Those that state facts of it.")
    ] = None,
    seq: Annotated[int | None, typer.Option(help="The inbox id that hints and logs speak of.")] = None,
    since: Annotated[Any, MomentOption] = None,
    until: Annotated[Any, MomentOption] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List inbox events, the newest first."""
    if context.invoked_subcommand is not None:
        return
    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"wants one of {', '.join(STATUSES)}", param_hint="--status")
    if entity is not None:
        check_kind(entity[0])
    from store.reports.events import EventFilter

    wanted = EventFilter(
        callback_type=callback_type.upper() if callback_type else None,
        status=status,
        partner=partner,
        via=via,
        entity=entity,
        since=since,
        until=until,
        seq=seq,
    )
    _list(load(data).require("database"), wanted, limit, as_json)


def _list(settings: Settings, wanted: EventFilter, limit: int, as_json: bool) -> None:
    from dataclasses import replace

    from ops.render.console import notes
    from ops.render.keys import own_key
    from store.reports import events, queries

    with notes.status("reading events"), queries.snapshot(settings.database) as conn:
        if wanted.entity is not None:
            kind, key = wanted.entity
            wanted = replace(wanted, entity=(kind, own_key(conn, kind, key)))
        found = events.list_events(conn, wanted, limit)
    if as_json:
        write_json({"events": [_document(event) for event in found]})
        return
    from ops.render.tables import print_table

    rows = [
        (
            event.received_at,
            event.id[:12],
            f"{event.partner} {event.via}",
            event.callback_type,
            event.status,
            [key for _, key in event.entities],
            event.reason or (f"attempts: {event.attempts}" if event.attempts else None),
        )
        for event in found
    ]
    headers = ("received", "event", "from", "type", "status", "about", "why")
    print_table(headers, rows, fold=("from", "type", "about", "why"))


def _document(event: EventRow) -> dict[str, Any]:
    return {
        "event": event.id,
        "partner": event.partner,
        "via": event.via,
        "received_at": event.received_at,
        "status": event.status,
        "type": event.callback_type,
        "entities": [{"kind": kind, "key": key} for kind, key in event.entities],
        "attempts": event.attempts,
        "reason": event.reason,
        "seq": event.seq,
    }


def show_event(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's ID, or its first digits.")],
    unseal: Annotated[bool, typer.Option("--unseal", help="Also print the body; this is audited.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why the body is looked at, for the audit.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one event and the facts that it states."""
    from ops.arguments.event_ids import clean_id, find_event
    from store.reports import events, queries

    digits = clean_id(event_id)
    settings = load(data).require("database")
    if unseal:
        settings.require("sealing")
    with queries.snapshot(settings.database) as conn:
        seq = find_event(conn, digits)
        event = events.list_events(conn, events.EventFilter(seq=seq), 1)[0]
        facts = queries.facts_stated_by(conn, seq)
        sealed = events.sealed_body(conn, event) if unseal else None
    document = _document(event) | _state(event) | {"facts": _facts(facts, settings)}
    if unseal:
        document["body"] = _unsealed(settings, event, sealed, reason)
    if as_json:
        write_json(document)
    else:
        _print_event(document)


def _state(event: EventRow) -> dict[str, Any]:
    """What is known of an event that was not applied."""
    return {
        "due_at": event.due_at,
        "last_error": event.last_error,
        "detail": event.detail,
        "retry_at": event.retry_at,
    }


def _facts(found: list[Any], settings: Settings) -> list[dict[str, Any]]:
    from ops.render.details import Details, code_of
    from ops.render.tables import note, seconds
    from store.ledger.model import fact_of

    sealed = Details(settings.seal_keys)
    facts = [
        {
            "kind": kind,
            "key": key,
            "signal": row.signal,
            "occurred_at": seconds(row.occurred_at),
            "code": code_of(fact_of(row), row, sealed),
            "via": list(row.via),
        }
        for kind, key, row in found
    ]
    for problem in sealed.problems:
        note(problem)
    return facts


def _unsealed(settings: Settings, event: EventRow, sealed: bytes | None, reason: str | None) -> str:
    """The body as text; audited before it is given. Raises Refused when it cannot be had."""
    from ops.arguments.person import person
    from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
    from store.ledger import audit

    if sealed is None:
        raise Refused(f"the body of event {event.id} is kept no longer")
    try:
        body = Sealer(settings.seal_keys).unseal(sealed, bytes.fromhex(event.id))
    except (UnknownSealKey, BrokenSeal) as error:
        raise Refused(f"the body of event {event.id} cannot be unsealed: {error}") from None
    audit.record(settings.database, person(), "events show --unseal", event.id, reason)
    return body.decode("utf-8", "backslashreplace")


def _print_event(document: dict[str, Any]) -> None:
    from ops.render.console import screen
    from ops.render.reasons import explain
    from ops.render.tables import cell, moment, plain, print_table

    screen.print(cell(f"event {document['event']}: {document['status']}", "bold"), soft_wrap=True)
    source = f"{document['partner']} {document['via']} of {document['type'] or 'a type not known'}"
    received = f"received {moment(document['received_at'])}, inbox id {document['seq']}"
    screen.print(cell(f"{source}, {received}"), soft_wrap=True)
    if document["reason"]:
        reason = explain(document["reason"])
        screen.print(cell(f"{document['reason']}: {reason.meaning} {reason.todo}", "red"), soft_wrap=True)
    for name in ("detail", "last_error", "retry_at"):
        if document[name] is not None:
            screen.print(cell(f"{name}: {_text(document[name])}"), soft_wrap=True)
    if document["facts"]:
        rows = [
            (f"{fact['kind']} {fact['key']}", fact["occurred_at"], fact["signal"], fact["code"], fact["via"])
            for fact in document["facts"]
        ]
        print_table(("about", "occurred", "signal", "code", "via"), rows, fold=("about", "code", "via"))
    if "body" in document:
        lines = document["body"].splitlines() or [""]
        screen.print(*map(plain, lines), sep="\n", markup=False, highlight=False, soft_wrap=True)


def _text(value: str | datetime) -> str:
    from ops.render.tables import moment

    return value if isinstance(value, str) else str(moment(value))
