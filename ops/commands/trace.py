"""`trace`: everything that a name touches, as one story in time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.render.output import DataOption, JsonOption, load, write_json

__all__ = ["print_trace", "register"]


def register(app: typer.Typer) -> None:
    app.command()(trace)


def trace(
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="A token, request id, rx number or metadata value.")
    ],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the story as one page.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the story of a name: every entity that it touches, directly or by links."""
    settings = load(data).require("database", "sealing")
    from ops.files import write_private_or_refuse
    from ops.render.tables import note
    from ops.render.trace import trace as story_of
    from ops.render.trace_page import page
    from store.crypto.keyed_hash import KeyedHash

    keyed_hash = KeyedHash(settings.lookup_key or b"")
    found = story_of(settings.database, settings.seal_keys, keyed_hash, token)
    for text in found.notes:
        note(text)
    if html is not None:
        write_private_or_refuse(html, page(found.document, found.notes).encode(), "the page")
    if as_json:
        write_json(found.document)
    elif html is None:
        print_trace(found.document)
    else:
        note(f"the page is written: {html}")


def print_trace(document: dict[str, Any]) -> None:
    """The human form: the entities, what is under review, and the story in time."""
    from ops.render.tables import moment, occurred, print_table

    entities = [
        (one["kind"], one["key"], one["state"], moment(one["since"]), moment(one["deadline"]), one["by"])
        for one in document["entities"]
    ]
    columns = ("entity", "key", "state", "since", "news due by", "found by")
    print_table(columns, entities, fold=("key", "state", "found by"))
    reviewed = [one for one in document["entities"] if one["review"]]
    if reviewed:
        rows = [(f"{one['kind']} {one['key']}", one["review"]) for one in reviewed]
        print_table(("under review", "why"), rows, fold=("why",))
    story = [
        (
            occurred(entry["at"], entry["dated_by"]),
            entry["kind"],
            entry["key"],
            " ".join(filter(None, (entry["signal"], entry["code"]))),
            entry["verdict"],
            entry["to"] if entry["from"] == entry["to"] else f"{entry['from']} → {entry['to']}",
            [event[:8] for event in entry["events"]],
        )
        for entry in document["story"]
    ]
    headers = ("occurred", "entity", "key", "signal", "verdict", "state", "events")
    print_table(headers, story, fold=("key", "signal", "state", "events"))
