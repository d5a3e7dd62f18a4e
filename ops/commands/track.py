"""`track`: register a request that the partner accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.arguments.files import read_object
from ops.arguments.kinds import KeyArgument, KindArgument, check_kind
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(track)


def track(
    kind: KindArgument,
    key: KeyArgument,
    metadata: Annotated[str | None, typer.Option(help="Your own key, as the request gave it.")] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="Another name of it, such as a transfer_token; repeatable.")
    ] = None,
    answer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The partner's answer, as JSON: its tokens are kept.")
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The request as you sent it, as JSON: what it replaces is kept."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a request that the partner accepted, so that its clock runs before any news of it."""
    check_kind(kind)
    from partners.fields import name

    for given, hint in ((key, "KEY"), *((one, "--alias") for one in alias or ())):
        if name(given) is None:
            raise typer.BadParameter("wants 1 to 128 characters of [A-Za-z0-9_.-]", param_hint=hint)
    settings = load(data).require("database", "sealing")
    from ops.render.keys import own_key
    from ops.render.tables import note, seconds
    from ops.tracking import NotAccepted, NotACreate, OfAnother, check_answer
    from ops.tracking import track as register_request
    from partners.reading import Unreadable
    from partners.truepill.answers import JOINED_BY
    from store.db.connections import connect
    from store.reports import queries
    from workers.celery.runtime import tools

    content = read_object("answer", answer) if answer is not None else None
    sent = read_object("request", request) if request is not None else None
    try:  # by the name as it was given
        check_answer(kind, key, content or {})
    except (NotAccepted, NotACreate, OfAnother) as error:
        raise Refused(str(error)) from None
    database = settings.database
    with queries.snapshot(database) as reading:
        key = own_key(reading, kind, key)
    using = tools(settings)
    with connect(database, "ops") as conn:
        try:
            done = register_request(
                conn,
                using.keyed_hash,
                kind,
                key,
                metadata=metadata,
                aliases=alias or (),
                answer=content,
                request=sent,
                now=using.clock(),
                tools=using,
            )
        except Unreadable:
            raise Refused("what was given holds more names than one request can have") from None
    if done.key != key:
        note(f"{key} is another name of {kind} {done.key}")
    fields = {name: value for name, value in done._asdict().items() if name != "joined"}
    document = {**fields, "deadline": None if done.deadline is None else seconds(done.deadline)}
    if kind in JOINED_BY and not done.known and content is None and sent is None:
        note("its callbacks use another name: without --answer FILE nothing tells that they are of it")
    if as_json:
        write_json(document)
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    from rich.text import Text

    from ops.render.console import screen
    from ops.render.tables import moment

    said = "registered" if document["registered"] else "was registered before"
    until = f", news is due by {moment(document['deadline'])}" if document["deadline"] else ""
    name = f"{document['kind']} {document['key']}: "
    screen.print(Text.assemble((name, "bold"), f"{document['state']}, {said}{until}"), soft_wrap=True)
