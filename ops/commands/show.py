"""`show`: one entity, its history, its lines, what it is linked to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.arguments.kinds import KeyArgument, KindArgument, check_kind
from ops.render.output import DataOption, JsonOption, load, write_json

__all__ = ["print_history", "register"]


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    kind: KindArgument,
    key: KeyArgument,
    details: Annotated[
        bool, typer.Option("--details", help="Also unseal texts such as messages; this is audited.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an entity: state, history, outcome lines, links, deadline."""
    check_kind(kind)
    settings = load(data).require("database")
    if details:
        settings.require("sealing")
    from ops.arguments.person import person
    from ops.render.history import history
    from ops.render.tables import note
    from store.ledger import audit

    found = history(settings, kind, key, details=details)
    if details:
        audit.record(settings.database, person(), "show --details", f"{kind} {found.document['key']}")
    for text in found.notes:
        note(text)
    if as_json:
        write_json(found.document)
    else:
        print_history(found.document)


#: What another request is to this one, or this one to it, in words.
_RELATIONS = {
    "replaces": "it replaces",
    "replaced_by": "it was replaced by",
    "refers_to": "it refers to the failed",
    "referred_to_by": "it is referred to by",
}


def print_history(document: dict[str, Any]) -> None:
    """The human form: a header, the deadline, the facts in effective order, lines, links."""
    from rich.text import Text

    from ops.render.console import screen
    from ops.render.tables import cell, moment, occurred, plain, print_fields, print_table

    name = f"{document['kind']} {plain(document['key'])}: "
    screen.print(Text.assemble((name, "bold"), _headline(document)), soft_wrap=True)
    if document["review"]:
        screen.print(cell(f"under review: {document['review']}", "bold red"), soft_wrap=True)
    flagged = sum(fact.get("unconfirmed") == "flagged" for fact in document["facts"])
    if flagged:
        text = f"{flagged} of its facts came by push alone, and not where the partner had to tell them too"
        screen.print(cell(text, "bold red"), soft_wrap=True)
    for link in document["links"]:
        if relation := link.get("relation"):
            screen.print(cell(f"{_RELATIONS[relation]} {link['key']}", ""), soft_wrap=True)
    if document["replaced"]:
        screen.print(cell("nobody waits for it any more", ""), soft_wrap=True)
    elif document["deadline"]:
        screen.print(cell(f"news is due by {moment(document['deadline'])}", ""), soft_wrap=True)
    facts = document["facts"]
    rows = [
        (
            occurred(fact["occurred_at"], fact["dated_by"]),
            _said(fact),
            fact["verdict"],
            _move(fact),
            _ways(fact),
            [event[:8] for event in fact["events"]],
        )
        for fact in facts
    ]
    headers = ("occurred", "signal", "verdict", "state", "via", "events")
    print_table(headers, rows, fold=("signal", "state", "via", "events"))
    if document["lines"]:
        columns = ("position", "token", "status", "code")
        lines = [[line[name] for name in columns] for line in document["lines"]]
        print_table(("line", *columns[1:]), lines, fold=("token", "code"))
    if len(document.get("parcels", ())) > 1:
        _print_parcels(document["parcels"])
    if "balance" in document or "for" in document:
        from ops.render.payments import print_payments

        print_payments(document)
    _print_links(document)
    for fact in facts:
        if "detail" in fact:
            texts = {name: value for name, value in fact["detail"].items() if name != "lines"}
            received = {"received": moment(fact["received_at"])}
            when = occurred(fact["occurred_at"], fact["dated_by"])
            print_fields(f"{when} {_said(fact)}", received | texts)
    for line in document["lines"]:
        if line.get("detail"):
            print_fields(f"line {line['position']} {line['token'] or ''}", line["detail"])


def _print_parcels(parcels: list[dict[str, Any]]) -> None:
    """A line for each of several: one alone is where its fill is."""
    from ops.render.tables import moment, print_table

    columns = ("tracking", "carrier") if "tracking" in parcels[0] else ("carrier",)
    times = [[moment(one[name]) if one[name] else "" for name in ("since", "due")] for one in parcels]
    rows = [
        [str(place), *(one[name] or "" for name in columns), one["state"], *when]
        for place, (one, when) in enumerate(zip(parcels, times, strict=True), 1)
    ]
    print_table(("parcel", *columns, "state", "since", "due by"), rows, fold=columns)


def _print_links(document: dict[str, Any]) -> None:
    """A line for each linked entity, with all that it is linked by."""
    from ops.render.tables import note, print_table

    domains: dict[tuple[str | None, str], list[str]] = {}
    for link in document["links"]:
        domains.setdefault((link["kind"], link["key"]), []).append(link["by"])
    if domains:
        rows = [(kind or "(not known here)", key, by) for (kind, key), by in domains.items()]
        print_table(("linked to", "key", "by"), rows, fold=("key", "by"))
    if left_off := document.get("links_left_off"):
        note(f"{left_off} more links are not shown")


def _headline(document: dict[str, Any]) -> str:
    from ops.render.tables import moment

    since = f" since {moment(document['since'])}" if document["since"] else ""
    outcome = f", outcome {document['outcome']}" if document["outcome"] else ""
    return f"{document['state']}{since}{outcome}"


def _said(fact: dict[str, Any]) -> str:
    return f"{fact['signal']} {fact['code']}" if fact["code"] else str(fact["signal"])


def _ways(fact: dict[str, Any]) -> list[str]:
    return [*fact["via"], *([fact["unconfirmed"]] if fact.get("unconfirmed") == "flagged" else [])]


def _move(fact: dict[str, Any]) -> str:
    if fact["from"] == fact["to"]:
        return str(fact["to"])
    over = f" (over {', '.join(fact['gap'])})" if fact["gap"] else ""
    return f"{fact['from']} → {fact['to']}{over}"
