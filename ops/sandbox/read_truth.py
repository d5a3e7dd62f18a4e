"""Reads the sandbox's truth: its events, and what its desk says of payments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ops.refused import Refused
from ops.sandbox.payments import Payments
from ops.sandbox.truth import Truth
from sandbox.client import Client, Unanswered
from sandbox.client import Refused as ApiRefused
from store.crypto.keyed_hash import KeyedHash

__all__ = ["read_truth"]

#: Told how many events have been read.
Progress = Callable[[int], None]


def read_truth(
    url: str, key: str | None, keyed_hash: KeyedHash, progress: Progress, truth: Truth, payments: Payments
) -> dict[str, Any]:
    """Take in all that is not known yet. `key` is our API key: what it may pull is still to be had.

    Returns the sandbox's figures. Raises Refused.
    """
    try:
        return asyncio.run(_read(url, key, keyed_hash, progress, truth, payments))
    except (ApiRefused, Unanswered, ValueError) as error:
        raise Refused(f"the sandbox at {url}: {error}") from None


async def _read(
    url: str, key: str | None, keyed_hash: KeyedHash, progress: Progress, truth: Truth, payments: Payments
) -> dict[str, Any]:
    client = Client(url, {"Authorization": f"ApiKey {key}"} if key else {})
    try:
        figures: dict[str, Any] = await client.call("GET", "/_sandbox/figures")
        customer = (await client.call("GET", "/_sandbox/customer"))["customer"] if key else ""
        after: int | None = truth.last
        while after is not None:
            page = await client.call("GET", f"/_sandbox/truth?after={after}")
            for event in page["events"]:
                truth.add(event, keyed_hash, customer)
                payments.take_event(event)
            progress(len(page["events"]))
            after = page["next"]
        await _all(client, "payments", payments.take_payments)
        await _all(client, "checkouts", payments.take_checkouts)
    finally:
        client.close()
    return figures


async def _all(client: Client, what: str, take: Callable[[Iterable[Mapping[str, Any]]], None]) -> None:
    after: int | None = 0
    while after is not None:
        page = await client.call("GET", f"/_sandbox/{what}?after={after}")
        take(page["data"])
        after = page["next"]
