"""`demo`: play a fill's life through the real receiver and show what came of it."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.fill_life import Callback
    from settings import Database

__all__ = ["register"]

WAIT_SECONDS = 20.0
KIND = "fill_request"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Play a fill's life: triage, success, three shipments, one of them twice, one out of order."""
    settings = load(data).require("database")
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
