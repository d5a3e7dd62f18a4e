"""`payment-block`: the blocks of a fill's create that carry its payment; `--send` sends that create once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.files import read_object
from ops.arguments.given_payment import CONSENT, given_in, given_of
from ops.arguments.moments import parse_moment
from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.payment_sending import Sent
    from partners.truepill.payment_block import Blocks, Given
    from settings import Settings

__all__ = ["register"]

#: States of a fill whose payment can be carried on: the claim stands, and nothing was sent to the patient.
WAITING = ("pending", "triage", "awaiting_payment")


class Form(StrEnum):
    """How a transaction's time is written: the reference's table says one, its samples print the other."""

    INTEGER = "integer"
    TEXT = "text"


def register(app: typer.Typer) -> None:
    app.command("payment-block")(payment_block)


def payment_block(
    fill: Annotated[str, typer.Argument(metavar="FILL", help="The fill's request_id.")],
    cardholder_name: Annotated[str | None, typer.Option(help="The name on the card.")] = None,
    transaction_date: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="WHEN", help="When it was paid: ISO 8601, or 2h ago."),
    ] = None,
    transaction_id: Annotated[str | None, typer.Option(help="Instead of the payment's own id.")] = None,
    last_four: Annotated[str | None, typer.Option(help="Instead of the payment's: four digits.")] = None,
    consent: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help=f"Repeatable; FIELD is one of {', '.join(CONSENT)}."),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="TOKEN=NAME", help="A medication's name, strength and quantity; repeatable."),
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="All that as JSON, by the options' names, so that no list of processes shows it.",
        ),
    ] = None,
    date_form: Annotated[Form, typer.Option(help="How the transaction's time is written.")] = Form.INTEGER,
    send: Annotated[bool, typer.Option("--send", help="Send the create that carries it, once.")] = False,
    request: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The create's other fields, as JSON; with --send.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the blocks that carry a fill's payment, once it covers what is owed. This is audited."""
    if send != (request is not None):
        raise typer.BadParameter("--send and --request FILE go together")
    typed = _typed(cardholder_name, transaction_date, transaction_id, last_four, consent or [], item or [])
    if given is not None and typed != _typed(None, None, None, None, [], []):
        raise typer.BadParameter("goes with none of the options that it stands for", param_hint="--given")
    told = typed if given is None else given_in(read_object("--given", given))
    settings = load(data).require("database", "sealing")
    if send and not settings.payments.send_blocks:
        raise Refused("RXLEDGER_TRUEPILL_SEND_PAYMENTS is not yes: payments are not sent from here")
    fields = None if request is None else read_object("request", request)
    from ops.render.keys import own_key
    from store.reports import queries

    with queries.snapshot(settings.database) as reading:
        key = own_key(reading, "fill_request", fill)
        entity = queries.entity(reading, "fill_request", key)
    if entity is None:
        raise Refused(f"there is no fill_request {key}")
    if fields is not None and (sent := _sent_before(settings, key)) is not None:
        _give_sent(key, sent, as_json)
        return
    if send and entity.state not in WAITING:
        raise Refused(f"fill {key} is {entity.state}: it waits for no payment")
    blocks = _blocks(settings, key, told, date_form)
    if fields is None:
        _give_blocks(key, blocks, as_json)
    else:
        _give_sent(key, _send(settings, key, fields, blocks), as_json)


def _typed(
    cardholder_name: str | None,
    transaction_date: datetime | None,
    transaction_id: str | None,
    last_four: str | None,
    consent: list[str],
    items: list[str],
) -> Given:
    """What was typed. Raises typer.BadParameter, whose text repeats no value."""
    told = _pairs(consent, "--consent")
    if told.keys() - set(CONSENT):
        raise typer.BadParameter(f"wants one of {', '.join(CONSENT)} before =", param_hint="--consent")
    return given_of(
        cardholder_name, transaction_date, transaction_id, last_four, told, _pairs(items, "--item")
    )


def _pairs(values: list[str], option: str) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        raise typer.BadParameter("wants a name, = and a value", param_hint=option)
    return {name: value for name, _, value in pairs}


def _blocks(settings: Settings, key: str, given: Given, date_form: Form) -> tuple[Blocks, ...]:
    """The blocks; audited before anything is unsealed. Raises Refused with a line for all that is missing."""
    from ops.arguments.person import person
    from ops.paid_lines import Carried, Lineless, Nameless, paid_lines
    from partners.truepill.payment_block import NotCovered, WantsMore, payment_blocks
    from store.ledger import audit

    audit.record(settings.database, person(), "payment-block", f"fill_request {key}")
    try:
        return payment_blocks(paid_lines(settings, key), given, date_form.value)
    except (Carried, Lineless, Nameless) as error:
        raise Refused(str(error)) from None
    except NotCovered as error:
        from ops.render.tables import note

        for line in error.lines:
            note(line)
        raise Refused(f"the payments of fill {key} do not cover it") from None
    except WantsMore as error:
        raise Refused("\n".join(("nobody told these fields:", *error.lines))) from None


def _sent_before(settings: Settings, key: str) -> Sent | None:
    from ops.payment_sending import sent_before
    from store.db.connections import connect
    from workers.celery.runtime import tools
    from workers.push.once import PushFailed

    with connect(settings.database, "ops") as conn:
        try:
            return sent_before(conn, tools(settings), key)
        except PushFailed as error:
            raise Refused(str(error)) from None


def _send(settings: Settings, key: str, fields: dict[str, Any], blocks: tuple[Blocks, ...]) -> Sent:
    from contextlib import closing

    from ops.arguments.person import person
    from ops.payment_sending import ask_first, send_payment
    from partners.faults import CallFailed
    from partners.reading import Unreadable
    from partners.truepill.fill_create import BadRequest, payment_create
    from store.db.connections import connect
    from store.ledger import audit
    from workers.celery.runtime import tools
    from workers.pull.partner_wire import NoApiKey
    from workers.pull.rate_gate import NotNow
    from workers.push.once import PushFailed
    from workers.push.wires import push_wire

    try:
        body = payment_create(fields, blocks, key)
    except BadRequest as error:
        raise Refused("\n".join(("the request cannot be sent:", *error.lines))) from None
    audit.record(settings.database, person(), "payment-block --send", f"fill_request {key}")
    using = tools(settings)
    with connect(settings.database, "ops") as conn, connect(settings.database, "ops") as gate:
        try:
            with closing(push_wire(settings, "truepill", gate, using.clock)) as wire:
                ask_first(wire, key)
                return send_payment(conn, using, wire, key, body)
        except (NoApiKey, PushFailed) as error:
            raise Refused(str(error)) from None
        except (CallFailed, NotNow) as error:
            raise Refused(f"nothing was sent: {error}") from None
        except Unreadable:
            raise Refused("the request holds more names than one can have") from None


def _give_blocks(key: str, blocks: tuple[Blocks, ...], as_json: bool) -> None:
    if as_json:
        fields = [
            {"prescription_token": block.token}
            | {
                name: {field: found._asdict() for field, found in part.items()}
                for name, part in _parts(block)
            }
            for block in blocks
        ]
        write_json({"fill": key, "medications": [block.plain() for block in blocks], "fields": fields})
        return
    from ops.render.tables import print_table

    rows = [
        (block.token, f"{name}.{field}", found.value, found.source)
        for block in blocks
        for name, part in _parts(block)
        for field, found in part.items()
    ]
    print_table(("prescription", "field", "value", "told by"), rows, fold=("prescription", "value"))


def _parts(block: Blocks) -> list[tuple[str, Any]]:
    parts = [("copay_payment", block.payment), ("patient_consent", block.consent)]
    return [(name, part) for name, part in parts if part is not None]


def _give_sent(key: str, sent: Sent, as_json: bool) -> None:
    if as_json:
        write_json({"fill": key, "carried_by": sent.fill, "intent": sent.intent, "sent_before": sent.before})
        return
    from ops.render.console import screen

    text = "was sent before" if sent.before else "is sent"
    screen.print(f"the payment of fill {key} {text}: fill {sent.fill} carries it", soft_wrap=True)
