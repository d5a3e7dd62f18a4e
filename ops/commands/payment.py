"""`payment settle`: what a person found out about something that may have been sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.payment_decisions import assign, refunded, unassign
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from store.payments.intents import Intent

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Decide about payments, and about what went out over them.", no_args_is_help=True
    )
    group.callback()(lambda: None)
    for command in (assign, unassign, refunded):
        group.command()(command)
    group.command()(settle)
    app.add_typer(group, name="payment")


def settle(
    intent: Annotated[int, typer.Argument(min=1, metavar="INTENT", help="Its number on the worklist.")],
    reason: Annotated[str, typer.Option(help="How it was found out, for the audit.")],
    seen: Annotated[
        str | None, typer.Option(metavar="KEY", help="The partner has it, under this id.")
    ] = None,
    not_seen: Annotated[
        bool, typer.Option("--not-seen", help="The partner has not: it may be sent once more.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle an outgoing call of which it is not known whether the partner took it. This is audited."""
    if (seen is None) != not_seen:
        raise typer.BadParameter("wants one of --seen KEY and --not-seen")
    if not reason.strip():
        raise typer.BadParameter("wants a reason", param_hint="--reason")
    from partners.fields import name

    if seen is not None and name(seen) is None:
        raise typer.BadParameter("wants 1 to 128 characters of [A-Za-z0-9_.-]", param_hint="--seen")
    settings = load(data).require("database", "sealing")
    from ops.arguments.person import person
    from ops.payment_settling import NotOpen, is_older, is_settleable, settle_intent
    from store.db.connections import connect
    from store.ledger import audit
    from store.payments import intents
    from workers.celery.runtime import tools

    with connect(settings.database, "ops") as conn:
        found = intents.by_id(conn, intent)
        if found is None:
            raise Refused(f"there is no intent {intent}")
        if not is_settleable(found):
            raise Refused(f"intent {intent} is not in doubt: it is {found.state}")
        verdict = "not seen" if seen is None else f"seen as {_shown(found, seen)}"
        if seen == found.subject.key:
            raise Refused(f"{seen} is what it was sent for: --seen wants the id that the partner gave")
        if seen is not None and is_older(conn, found, seen):
            raise Refused(f"there was news of {seen} before this was sent: it did not come of it")
        subject = f"intent {intent}, {found.subject.what} of {found.subject.kind} {found.subject.key}"
        audit.record(settings.database, person(), "payment settle", f"{subject}: {verdict}", reason)
        try:
            settle_intent(conn, tools(settings), found, seen)
        except NotOpen as error:
            raise Refused(str(error)) from None
    if as_json:
        state = "refused" if seen is None else "done"
        write_json({"intent": intent, "what": found.subject.what, "state": state, "seen": seen})
        return
    from ops.render.console import screen

    after = "it may be sent once more" if seen is None else "it is not sent again"
    screen.print(f"intent {intent} is settled: {after}", soft_wrap=True)


def _shown(found: Intent, seen: str) -> str:
    """The id that was given, where it may stand in the clear."""
    return "a patient" if found.subject.what == "checkout_patient" else seen
