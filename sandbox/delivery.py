"""Carries out planned attempts, a bounded number at a time, and gathers how they went."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable

from sandbox.customers import Customers
from sandbox.ledger import Ended, Sending
from sandbox.wire import Sender, Trouble

__all__ = ["Courier"]

CONCURRENCY = 64


class Courier:
    """`woken` is called when an attempt has ended. For one event loop."""

    def __init__(self, customers: Customers, woken: Callable[[], None], timeout: float = 10.0) -> None:
        self._senders = {
            (name, partner): Sender(callback, timeout, f"{partner}-sandbox")
            for name, customer in customers.by_name.items()
            for partner, callback in customer.callbacks.items()
        }
        self._woken = woken
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Ended] = []
        self._latest: dict[str, asyncio.Task[None]] = {}

    @property
    def room(self) -> int:
        """How many attempts can begin now."""
        return CONCURRENCY - len(self._tasks)

    @property
    def under_way(self) -> int:
        """How many attempts have not been handed back by `ended`."""
        return len(self._tasks) + len(self._ended)

    def send(self, sendings: Iterable[Sending]) -> None:
        """Begin these. What is about one thing goes one after the other, in this order."""
        for sending in sendings:
            task = asyncio.create_task(self._deliver(sending, self._latest.get(sending.entity)))
            self._tasks.add(task)
            self._latest[sending.entity] = task
            task.add_done_callback(functools.partial(self._done, sending.entity))

    def _done(self, entity: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._latest.get(entity) is task:
            del self._latest[entity]

    def ended(self) -> list[Ended]:
        """How those attempts went that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    async def _deliver(self, sending: Sending, before: asyncio.Task[None] | None) -> None:
        if before:
            await asyncio.wait([before])
        try:
            sender = self._senders.get((sending.customer, sending.partner))
            if sender is None:
                raise Trouble("no callback URL")
            ended = Ended(sending.id, sending.event, await sender.send(sending.body, sending.how))
        except Trouble as trouble:
            ended = Ended(sending.id, sending.event, None, str(trouble))
        self._ended.append(ended)
        self._woken()

    async def close(self) -> None:
        """Give up what is under way: its outcome is not known, so the next run sends it again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sender in self._senders.values():
            sender.close()
