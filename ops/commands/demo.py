"""`demo`: play a fill's life through the real receiver and show what came of it."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from ops.fill_life import Callback
    from settings import Database, Settings

__all__ = ["register"]

WAIT_SECONDS = 20.0
KIND = "fill_request"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    payment: Annotated[
        bool, typer.Option("--payment", help="A copay, its checkout, its payment and its fill instead.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a fill's life: triage, success, three shipments, one of them twice, one out of order.

    With --payment one that a patient pays for, by both partners of the sandbox that `up` starts.
    """
    settings = load(data).require("database")
    if payment:
        _play_payment(settings, data, as_json)
        return
    if not settings.receiver_url:
        raise Refused("RXLEDGER_RECEIVER_URL is not set: start `rxledger up`, or say where the receiver is")
    if not settings.partner("truepill").tokens:
        raise Refused("RXLEDGER_TRUEPILL_WEBHOOK_TOKENS is not set: the demo's callbacks would be refused")
    from secrets import token_hex

    from ops.fill_life import life
    from ops.render.console import notes, screen
    from ops.render.history import history

    key = f"fill_request_{token_hex(10)}"
    url = f"{settings.receiver_url.rstrip('/')}/webhooks/truepill"
    console = notes if as_json else screen
    console.print(f"fill request {key}, to {url}", soft_wrap=True, markup=False)
    ids: dict[str, None] = {}
    for callback in life(key, int(time.time())):
        event_id, duplicate = _send(url, settings.partner("truepill").tokens[0], callback)
        ids[event_id] = None
        seen = "seen before" if duplicate else "new"
        line = f"  {callback.title:<21} event {event_id[:8]}… {seen:<12} {callback.remark}"
        console.print(line, soft_wrap=True, markup=False)
    _wait(settings.database, list(ids))
    found = history(settings, KIND, key)
    if as_json:
        write_json(found.document)
        return
    from ops.commands.show import print_history

    print_history(found.document)
    screen.print("Next, try:", style="bold")
    where = "" if data is None else f" --data {shlex.quote(str(data))}"
    for command in (
        f"rxledger show {KIND} {key} --details",
        f"rxledger events --entity {KIND} {key}",
        f"rxledger replay --entity {KIND} {key} --dry-run",
        "rxledger stats",
        "rxledger doctor",
    ):
        screen.print(f"  {command}{where}", soft_wrap=True, markup=False)


def _play_payment(settings: Settings, data: Path | None, as_json: bool) -> None:
    settings.require("sealing")
    if settings.sandbox_url is None or not settings.sandbox_keys:
        raise Refused("no sandbox is known: start `rxledger up`, which plays both partners")
    from secrets import token_hex

    from ops.commands.checkout import make_checkout
    from ops.commands.trace import print_trace
    from ops.paid_life import play
    from ops.render.console import notes, screen
    from ops.render.trace import trace
    from settings.payments import PaymentSettings
    from store.crypto.keyed_hash import KeyedHash
    from store.reports import queries

    def state(kind: str, name: str) -> str | None:
        from store.ledger import links

        with queries.snapshot(settings.database) as conn:
            found = links.named(conn, [kind], name)
            entity = queries.entity(conn, kind, found[0].key) if found else None
        return None if entity is None else entity.state

    def checkout(copay: str) -> str:
        url = make_checkout(behind, copay).url
        if url is None:
            raise Refused(f"the checkout of copay {copay} has no address")
        return url

    # Where the patient's browser goes is of no account here.
    pages = PaymentSettings(success_url="https://example.com/paid", cancel_url="https://example.com/cart")
    behind = replace(settings, payments=pages)
    metadata = f"demo-{token_hex(6)}"
    where = "" if data is None else f" --data {shlex.quote(str(data))}"
    console = notes if as_json else screen
    for step in play(settings.sandbox_url, settings.sandbox_keys[0], metadata, state, checkout):
        console.print(step.text, soft_wrap=True, markup=False)
        console.print(f"  {step.command}{where}", soft_wrap=True, markup=False)
    keyed_hash = KeyedHash(settings.lookup_key or b"")
    found = trace(settings.database, settings.seal_keys, keyed_hash, metadata)
    if as_json:
        write_json(found.document)
        return
    screen.print("and all of it as one story:", style="bold")
    screen.print(f"  rxledger trace {metadata}{where}", soft_wrap=True, markup=False)
    print_trace(found.document)


def _send(url: str, token: str, callback: Callback) -> tuple[str, bool]:
    """Post one callback; its event ID, and whether it was seen before. Raises Refused."""
    import orjson

    from ops.http import Unanswered, request

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        answer = request("POST", url, orjson.dumps(callback.body), headers)
    except Unanswered as error:
        raise Refused(f"{url} {error}: is `rxledger up` or `rxledger web` running?") from None
    if answer.status != 200:
        raise Refused(f"{url} answers {answer.status} to the demo's callback: see `rxledger doctor`")
    try:
        stored = orjson.loads(answer.body)
        return str(stored["event"]), bool(stored["duplicate"])
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{url} answers, but not as a receiver of ours does") from None


def _wait(database: Database, ids: list[str]) -> None:
    """Until every event was applied. Raises Refused when that takes longer than WAIT_SECONDS."""
    from ops.render.tables import progress
    from store.reports import events, queries

    deadline = time.monotonic() + WAIT_SECONDS
    done = 0
    with progress("waiting for the worker", len(ids)) as advance:
        while True:
            with queries.snapshot(database) as conn:
                now_done = events.applied(conn, ids)
            advance(now_done - done)
            done = now_done
            if done == len(ids):
                return
            if time.monotonic() > deadline:
                text = f"{len(ids) - done} of {len(ids)} events were not applied in {WAIT_SECONDS:.0f} s"
                raise Refused(f"{text}: is a worker running? See `rxledger doctor`")
            time.sleep(0.1)
