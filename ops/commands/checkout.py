"""`checkout`: where a patient pays for a copay."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from settings import Settings
    from workers.push.checkout import Checkout

__all__ = ["make_checkout", "register"]


def register(app: typer.Typer) -> None:
    app.command()(checkout)


def checkout(
    copay: Annotated[str, typer.Argument(metavar="COPAY", help="The copay's request_id, or its token.")],
    renew: Annotated[bool, typer.Option("--renew", help="Make a new one where it has expired.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the checkout of a completed copay at HealNow, once, and print its address. This is audited."""
    settings = load(data).require("database", "sealing")
    from ops.arguments.person import person
    from ops.render.keys import own_key
    from store.ledger import audit
    from store.reports import queries

    with queries.snapshot(settings.database) as reading:
        key = own_key(reading, "copay", copay)
    audit.record(settings.database, person(), "checkout --renew" if renew else "checkout", f"copay {key}")
    _give(key, make_checkout(settings, key, renew=renew), as_json)


def make_checkout(settings: Settings, key: str, *, renew: bool = False) -> Checkout:
    """Make the checkout of this copay, or find it made. Raises Refused."""
    from partners.faults import CallFailed
    from partners.healnow.checkouts import Checkouts
    from partners.truepill.checkout_records import Lacking
    from partners.truepill.client import Client
    from store.db.connections import connect
    from workers.celery.runtime import tools
    from workers.pull.partner_wire import NoApiKey
    from workers.pull.rate_gate import NotNow
    from workers.push.checkout import Addresses, Push
    from workers.push.checkout import checkout as make
    from workers.push.copay_amounts import CopayRefused
    from workers.push.once import PushFailed
    from workers.push.wires import push_wire

    success, cancel = settings.payments.success_url, settings.payments.cancel_url
    if success is None or cancel is None:
        raise Refused("RXLEDGER_CHECKOUT_SUCCESS_URL and RXLEDGER_CHECKOUT_CANCEL_URL are not both set")
    using = tools(settings)
    with ExitStack() as stack:
        conn, gate = (stack.enter_context(connect(settings.database, "ops")) for _ in range(2))
        try:
            pharmacy, healnow = (
                stack.enter_context(closing(push_wire(settings, name, gate, using.clock)))
                for name in ("truepill", "healnow")
            )
        except NoApiKey as error:
            raise Refused(str(error)) from None
        push = Push(
            conn,
            using.sealer,
            using.keyed_hash,
            using.clock,
            Client(pharmacy),
            Checkouts(healnow),
            Addresses(success, cancel),
            idempotency=settings.partner("healnow").calls.live_contract == "yes",
        )
        try:
            return make(push, key, renew=renew)
        except (CopayRefused, PushFailed, Lacking, CallFailed, NotNow) as error:
            raise Refused(str(error)) from None


_SAID = {
    "paid": "it is paid",
    "expired": "it has expired: --renew makes a new one",
    None: "HealNow could not be asked how it stands",
}


def _give(key: str, found: Checkout, as_json: bool) -> None:
    lines: list[dict[str, Any]] = [
        {"prescription_token": token, "payment": payment, "cents": cents}
        for token, payment, cents in found.lines
    ]
    if as_json:
        document = {"copay": key, "session": found.session, "url": found.url, "status": found.status}
        write_json(document | {"made": found.made, "lines": lines})
        return
    from ops.render.console import screen
    from ops.render.tables import note

    if found.status in _SAID:
        note(_SAID[found.status])
    screen.print(found.url or f"session {found.session}, of which no address is known", soft_wrap=True)
