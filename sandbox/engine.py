"""What happens later: steps that are data, run when the sandbox's time has come to them.

A step is a function of a `Turn`, the record that it is about and its data: it changes records, emits events
and plans further steps, all in the transaction of its turn. Its time is the one it was due at, however late
the machine is, so that the same requests give the same history.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.callbacks import Callbacks
from sandbox.conduct import Conduct
from sandbox.customers import Customer, Customers
from sandbox.delivery import Courier
from sandbox.ledger import Ledger
from sandbox.plan import Planner
from sandbox.time_source import SandboxTime
from sandbox.world import Due, Record, World

__all__ = ["Engine", "Sources", "Step", "Turn"]

log = logging.getLogger(__name__)

STEPS_A_TURN = 200
# Under load each turn gathers what came in this many seconds, so that one COMMIT serves them all.
BREATH_SECONDS = 0.002
# Its time may run at any speed, and the machine's time may be set: never sleep longer than this.
LONGEST_SLEEP = 0.5
# Where a record keeps the manner of the request that brought it about.
MANNER = "manner"


class Turn:
    """One customer's moment: what a request or a step reads, changes and sets going. `now`: its time.

    `manner` is how the partner is to behave in it, as `conduct` reads it. `planner` goes before that.
    """

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        conduct: Conduct,
        customer: Customer,
        now: float,
        sources: Sources,
        manner: str = "",
        planner: Planner | None = None,
    ) -> None:
        self.world = world
        self.ledger = ledger
        self.customer = customer
        self.now = now
        self.ids = world.ids
        self.profile = conduct.of(manner)
        self._conduct = conduct
        self._sources = sources
        self._manner = manner
        self._planner = planner

    @property
    def timestamp(self) -> int:
        """Whole seconds since 1970, as most of the partner's times are."""
        return int(self.now)

    def get(self, kind: str, token: str) -> Record | None:
        """The record with this token in this environment, whichever customer's it is."""
        return self.world.get(self.customer.environment, kind, token)

    def own(self, kind: str, token: str) -> Record | None:
        """The record with this token if it is this customer's."""
        record = self.get(kind, token)
        return record if record and record.customer == self.customer.name else None

    def create(
        self, kind: str, token: str, document: dict[str, Any], *, owner: str = "", look: str = ""
    ) -> Record:
        if self._manner:
            document = {**document, MANNER: self._manner}
        record = Record(
            self.customer.environment, self.customer.name, kind, token, self.now, document, owner, look
        )
        self.world.put(record)
        return record

    def save(self, record: Record) -> None:
        """Keep what was changed of a record's document."""
        self.world.put(record)

    def delete(self, record: Record) -> None:
        """Forget a record, and what was planned for it."""
        self.settle(record)
        self.world.delete(record)

    def later(self, seconds: float, step: str, record: Record, **data: Any) -> None:
        """Have a step happen to a record, so many seconds of the sandbox's time from now."""
        self.world.plan_step(self.now + seconds, step, record.customer, record.kind, record.token, data)

    def settle(self, record: Record) -> None:
        """Nothing that was planned for this record happens any more."""
        self.world.drop_steps(record.customer, record.kind, record.token)

    def emit(
        self,
        kind: str,
        key: str,
        body: dict[str, Any],
        pulled: dict[str, Any] | None = None,
        *,
        contradicts: bool = False,
    ) -> None:
        """Generate an event: `body` is pushed, `pulled` is the payload that pulls give.

        Without `pulled` that is the body without what pulled copies lack, its request_id and status.
        `contradicts`: it contradicts on purpose what was said before, so that a review is meant.
        """
        self._emit(kind, key, body, pulled, contradicts=contradicts)
        _, callbacks = self._sources[kind]
        for surprise in self._conduct.surprises(self._manner, kind, key, body, callbacks):
            self._emit(kind, key, surprise.body, surprise=surprise.what)

    def _emit(
        self,
        kind: str,
        key: str,
        body: dict[str, Any],
        pulled: dict[str, Any] | None = None,
        surprise: str | None = None,
        contradicts: bool = False,
    ) -> None:
        customer = self.customer
        partner, callbacks = self._sources[kind]
        emitted = self.ledger.add(
            partner,
            customer.environment,
            customer.name,
            kind,
            key,
            callbacks.type_of(body),
            self.timestamp,
            body,
            pulled,
            surprise,
            contradicts,
        )
        planned = (
            self._planner(self.ids.seed, emitted)
            if self._planner
            else self._conduct.plan(self._manner, emitted, callbacks)
        )
        self.ledger.plan(emitted, self.now, planned)

    def draw(self, what: str) -> float:
        """From 0 to 1, beside the draws that tokens are made of."""
        return self._conduct.draw(what)

    def strikes(self, what: str) -> bool:
        """Whether this chance of the profile comes true now."""
        odds: float = getattr(self.profile, what)
        return odds > 0 and self._conduct.draw(what) < odds


#: By kind: the partner whose callbacks speak of it, and how they are written.
Sources = Mapping[str, tuple[str, Callbacks]]
Step = Callable[[Turn, Record, Mapping[str, Any]], None]


class Engine:
    """Runs steps and deliveries. `run` is the loop; `advance` is one turn of it."""

    def __init__(
        self,
        world: World,
        time: SandboxTime,
        customers: Customers,
        steps: Mapping[str, Step],
        sources: Sources,
        conduct: Conduct,
        planner: Planner | None = None,
        callback_timeout: float = 10.0,
    ) -> None:
        self.world = world
        self.ledger = Ledger(world)
        self.time = time
        self.customers = customers
        self.conduct = conduct
        self.planner = planner
        self.steps_failed = 0
        self._steps = steps
        self._sources = sources
        self._wake = asyncio.Event()
        self.courier = Courier(customers, self._wake.set, callback_timeout)
        self._run_or_rest()

    def now(self) -> float:
        """The sandbox's time: never past a step that has not happened yet."""
        now, step = self.time.now(), self.world.next_step()
        return now if step is None else min(now, step)

    @contextlib.contextmanager
    def turn(self, customer: Customer, manner: str = "") -> Iterator[Turn]:
        """A request's turn: one transaction, at the sandbox's present."""
        with self.world.transaction():
            yield self._turn(customer, self.now(), manner)
        self._run_or_rest()
        self._wake.set()

    def _turn(self, customer: Customer, now: float, manner: str) -> Turn:
        return Turn(self.world, self.ledger, self.conduct, customer, now, self._sources, manner, self.planner)

    def wake(self) -> None:
        """Look again now: the time has changed."""
        self._wake.set()

    @property
    def settled(self) -> bool:
        """Whether all that is due has happened, was sent, and has ended."""
        now = self.time.now()
        moments = (self.world.next_step(), self.ledger.next_attempt())
        return not self.courier.under_way and all(moment is None or moment > now for moment in moments)

    def _run_or_rest(self) -> None:
        if self.world.next_step() is None and self.ledger.next_attempt() is None:
            self.time.rest()
        else:
            self.time.run()

    async def run(self) -> None:
        """Until cancelled; what is under way then is given up and sent by the next run."""
        try:
            while True:
                self._wake.clear()
                pause = self.advance()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                await asyncio.sleep(BREATH_SECONDS)
        finally:
            await self.courier.close()

    def advance(self) -> float:
        """Do what is due; returns how many real seconds nothing else will be. Needs a running loop."""
        now = self.time.now()
        with self.world.transaction():
            self.ledger.record(self.courier.ended())
            for _ in range(STEPS_A_TURN):
                # One by one: a step may plan another that comes before the next.
                if (due := self.world.take_step(now)) is None:
                    break
                self._happen(due)
            sendings = self.ledger.take(self.now(), self._room())
        self.courier.send(sendings)
        self._run_or_rest()
        return self._pause()

    def _happen(self, due: Due) -> None:
        customer = self.customers.by_name.get(due.customer)
        if customer is None:
            return  # the state file knows a customer that is not configured any more
        record = self.world.get(customer.environment, due.kind, due.token)
        if record is None:
            return
        try:
            with self.world.savepoint():
                manner = record.document.get(MANNER, "")
                self._steps[due.name](self._turn(customer, due.due, manner), record, due.data)
        except Exception as error:
            # One step that fails must not stop the others. Its text may quote a patient's data.
            self.steps_failed += 1
            log.error("step %s of a %s failed: %s", due.name, due.kind, type(error).__name__)

    def _room(self) -> int:
        """How many callbacks may leave now: none while the partner is dark."""
        return 0 if self.conduct.dark else self.courier.room

    def _pause(self) -> float:
        moments = [self.world.next_step()]
        if self._room():
            moments.append(self.ledger.next_attempt())
        pauses = [self.time.until(moment) for moment in moments if moment is not None]
        return min([LONGEST_SLEEP, *pauses])
