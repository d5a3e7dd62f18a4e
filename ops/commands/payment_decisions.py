"""`payment assign`, `unassign`, `refunded`: what a person says of a payment. Each is a fact, and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ops.render.history import History
    from settings import Settings
    from statemachine.payment_fit import TargetLine

__all__ = ["assign", "refunded", "unassign"]

PaymentArgument = Annotated[
    str, typer.Argument(metavar="PAYMENT", help="The payment's key, or another name of it.")
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]


def assign(
    payment: PaymentArgument,
    fill: Annotated[
        str, typer.Argument(metavar="FILL", help="The key of a fill request, copay or transfer.")
    ],
    reason: ReasonOption,
    line: Annotated[
        str | None, typer.Argument(metavar="[LINE]", help="Its line: the position, or the token.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a payment is for, whatever else fits. `payment unassign` takes it back."""
    settings = _settings(data, reason)
    from store.reports import queries

    with queries.snapshot(settings.database) as conn:
        key = _payment(conn, payment)
        kind, target = _target(conn, fill)
        chosen = None if line is None else _line(conn, settings, kind, target, line)
    said: dict[str, object] = {"kind": kind, "key": target}
    if chosen is not None:
        said |= {"position": chosen.position, "token": chosen.token}
    _decide(settings, "payment:assigned", key, reason, said)
    _tell(settings, key, as_json)


def unassign(
    payment: PaymentArgument, reason: ReasonOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Take back what was said by hand: from now on it is decided again by what it carries."""
    settings = _settings(data, reason)
    from store.reports import queries

    with queries.snapshot(settings.database) as conn:
        key = _payment(conn, payment)
    said = [fact["signal"] for fact in _history(settings, key).document["facts"]]
    decided = [signal for signal in said if signal in ("payment:assigned", "payment:unassigned")]
    if decided[-1:] != ["payment:assigned"]:
        raise Refused(f"nobody has said what payment {key} is for")
    _decide(settings, "payment:unassigned", key, reason, {})
    _tell(settings, key, as_json)


def refunded(
    payment: PaymentArgument, reason: ReasonOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Say that the money of a payment was given back: it pays for nothing any more."""
    settings = _settings(data, reason)
    from store.reports import queries

    with queries.snapshot(settings.database) as conn:
        key = _payment(conn, payment)
    document = _history(settings, key).document
    if document["refunded"]:
        raise Refused(f"payment {key}: it was said already that the money was given back")
    if not any(fact["to"] == "paid" for fact in document["facts"]):
        raise Refused(f"payment {key} is {document['state']}: nothing was paid that could be given back")
    _decide(settings, "payment:refunded", key, reason, {})
    _tell(settings, key, as_json)


def _settings(data: Any, reason: str) -> Settings:
    if not reason.strip():
        raise typer.BadParameter("wants a reason", param_hint="--reason")
    return load(data).require("database", "sealing")


def _payment(conn: Connection, name: str) -> str:
    from ops.render.keys import own_key
    from store.reports import queries

    key = own_key(conn, "payment", name)
    if queries.entity(conn, "payment", key) is None:
        raise Refused(f"there is no payment {key}")
    return key


def _target(conn: Connection, name: str) -> tuple[str, str]:
    """The one fill request, copay or transfer of this name. Raises Refused for none and for several."""
    from store.ledger import links
    from store.ledger.payment_names import TARGETS

    found = links.named(conn, TARGETS, name)
    own = [one for one in found if one.by == "key"] or found
    if len(own) != 1:
        what = "is none" if not own else "are several"
        raise Refused(f"there {what} of {', '.join(TARGETS)} {name}")
    return own[0].kind, own[0].key


def _line(conn: Connection, settings: Settings, kind: str, key: str, line: str) -> TargetLine:
    """The line that is given by its position, or by a token that no other line has."""
    from store.crypto.sealing import Sealer
    from store.reports import queries
    from workers.apply.payment_values import lines_owed

    entity = queries.entity(conn, kind, key)
    rows = queries.facts_of(conn, entity.id) if entity is not None else []
    lines = lines_owed(kind, rows, {}, Sealer(settings.seal_keys))
    at = [one for one in lines if line in (str(one.position), one.token)]
    if len(at) != 1:
        known = ", ".join(f"{one.position} ({one.token or 'no token'})" for one in lines) or "none"
        raise Refused(f"{kind} {key} has no one line {line}: its lines are {known}")
    return at[0]


def _decide(settings: Settings, signal: str, key: str, reason: str, detail: dict[str, object]) -> None:
    from ops.arguments.person import person
    from ops.decisions import decide
    from store.db.connections import connect
    from workers.celery.runtime import tools

    with connect(settings.database, "ops") as conn:
        decide(
            conn,
            settings.database,
            tools(settings),
            signal=signal,
            kind="payment",
            key=key,
            by=person(),
            reason=reason,
            detail=detail,
        )


def _history(settings: Settings, key: str) -> History:
    from ops.render.history import history

    return history(settings, "payment", key)


def _tell(settings: Settings, key: str, as_json: bool) -> None:
    """Where the payment stands now."""
    found = _history(settings, key)
    if as_json:
        write_json(found.document)
        return
    from ops.commands.show import print_history

    print_history(found.document)
