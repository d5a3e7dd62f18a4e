"""`receipt`: the receipt of a paid order, as the partner that took the payment gives it. It is not stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.refused import Refused
from ops.render.output import DataOption, load

if TYPE_CHECKING:
    from settings import Settings

__all__ = ["register"]

PARTNER = "healnow"
#: How long a person may wait for the partner's budget, in seconds.
PATIENCE = 60.0


def register(app: typer.Typer) -> None:
    app.command()(receipt)


def receipt(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id at the partner.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, for our own eyes alone.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is looked at, for the audit.")] = None,
    data: DataOption = None,
) -> None:
    """Fetch the receipt of an order, a PDF, and write it to stdout; this is audited.

    It names the patient: it is asked for each time, and kept nowhere by rxledger.
    """
    if output is None and sys.stdout.isatty():
        raise Refused("a PDF is nothing for a terminal: give --output FILE, or send it to a file with >")
    settings = load(data).require("database")
    content = _fetch(settings, order, reason)
    if output is not None:
        from ops.files import write_private_or_refuse

        write_private_or_refuse(output, content, "the receipt")
        return
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _fetch(settings: Settings, order: str, reason: str | None) -> bytes:
    """Audited before it is asked for. Raises Refused."""
    from datetime import UTC, datetime

    from ops.arguments.person import person
    from partners.faults import CallFailed
    from partners.healnow.client import Client
    from partners.wire import url_name
    from store.db.connections import connect
    from store.ledger import audit
    from workers.pull.partner_wire import NoApiKey, partner_wire
    from workers.pull.rate_gate import NotNow

    try:
        url_name(order)
        with connect(settings.database, "ops") as conn:
            wire = partner_wire(settings, PARTNER, conn, clock=lambda: datetime.now(UTC), patience=PATIENCE)
            with Client(wire) as client:
                audit.record(settings.database, person(), "receipt", f"order {order}", reason)
                return client.receipt(order)
    except (NoApiKey, CallFailed, NotNow, ValueError) as error:
        raise Refused(str(error)) from None
