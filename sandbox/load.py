"""A load: journeys begun at a pace that gives so many callbacks a second, until their deliveries are done."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.client import Client, Refused, Unanswered
from sandbox.conduct import HEADER, PLAIN
from sandbox.ids import chance
from sandbox.journeys import JOURNEYS, PAYMENTS, Journey, Trip, possible

__all__ = ["Load", "LoadError", "Report", "run"]

LOOK_SECONDS = 0.5
LOAN_SECONDS = 20.0
# A journey waits at most so long for something of its own, in the sandbox's time.
LONGEST_PAUSE = 900.0
# Without any news for so long, beside what the profile holds back, nothing more will come.
PATIENCE_SECONDS = 120.0


class LoadError(Exception):
    """A load that cannot be driven; the text says why."""


@dataclass(frozen=True)
class Load:
    """What is wanted. `rate` in callbacks a second; ends after `seconds` or `journeys`, what comes first.

    `with_payments`: also fills that patients pay for.
    """

    rate: float
    seconds: float | None
    journeys: int | None
    profile: str | None
    name: str
    seed: int = 0
    with_payments: bool = False


@dataclass
class Report:
    """What came of it. `failed`: journeys that broke off, by what they were told.

    `per_second`: callbacks while journeys were begun, 0 when that was too short to tell.
    """

    begun: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    requests: int = 0
    generated: int = 0
    sent: int = 0
    delivered: int = 0
    seconds: float = 0.0
    driving_seconds: float = 0.0
    sandbox_cpu: float = 0.0
    own_cpu: float = 0.0
    per_second: float = 0.0
    left_off: list[str] = field(default_factory=list)

    @property
    def journeys(self) -> int:
        return sum(self.begun.values())


#: Told twice a second how it stands.
Progress = Callable[[Report], None]


async def run(url: str, key: str, load: Load, progress: Progress) -> Report:
    """Drive it and wait until the deliveries are done. Raises LoadError."""
    plain = {HEADER: f"answer={PLAIN}"}
    client = Client(url, {"Authorization": f"ApiKey {key}", **plain})
    bearer = Client(url, {"Authorization": f"Bearer {key}", **plain})
    try:
        return await _Driver(client, bearer, load, progress).run()
    except (Refused, Unanswered) as error:
        raise LoadError(f"the sandbox at {url}: {error}") from None
    finally:
        client.close()
        bearer.close()


class _Driver:
    def __init__(self, client: Client, bearer: Client, load: Load, progress: Progress) -> None:
        self._client = client
        self._bearer = bearer
        self._load = load
        self._progress = progress
        self._report = Report()
        self._under_way: set[asyncio.Task[None]] = set()
        self._speed = 1.0
        self._first: dict[str, Any] = {}
        self._samples: list[tuple[float, int]] = []

    async def run(self) -> Report:
        wanted = (*JOURNEYS, *(PAYMENTS if self._load.with_payments else ()))
        journeys = possible(await self._description(), wanted)
        if not journeys:
            raise LoadError("the sandbox has no endpoints for any journey")
        self._report.left_off = [row.name for row in wanted if row not in journeys]
        self._first = await self._figures()
        self._speed = self._first["speed"]
        began, own = time.monotonic(), time.process_time()
        async with self._profile():
            watcher = asyncio.create_task(self._watch(began))
            try:
                await self._drive(journeys)
                self._report.driving_seconds = time.monotonic() - began
                self._report.per_second = self._pace()
                if self._under_way:
                    await asyncio.wait(self._under_way)
                await self._until_delivered()
            finally:
                watcher.cancel()
                for task in self._under_way:
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watcher
        self._report.seconds = time.monotonic() - began
        self._report.own_cpu = time.process_time() - own
        self._take(await self._figures())
        return self._report

    async def _description(self) -> dict[str, Any]:
        """The paths of all partners that the load needs."""
        found: dict[str, Any] = await self._client.call("GET", "/openapi.json")
        if not self._load.with_payments:
            return found
        payments = await self._client.call("GET", "/healnow/openapi.json")
        return {"paths": found["paths"] | {f"/healnow{path}": row for path, row in payments["paths"].items()}}

    @contextlib.asynccontextmanager
    async def _profile(self) -> Any:
        """Have the profile in force for as long as this lasts: lent for a while at a time."""
        if self._load.profile is None:
            yield
            return

        loan = {"profile": self._load.profile, "seconds": LOAN_SECONDS}

        async def keep() -> None:
            while True:
                await asyncio.sleep(LOAN_SECONDS / 4)
                # One that fails is made good by the next: a loan outlasts three of them.
                with contextlib.suppress(Refused, Unanswered):
                    await self._client.call("POST", "/_sandbox/profile", loan)

        try:
            await self._client.call("POST", "/_sandbox/profile", loan)
        except Refused as refused:
            if refused.status != 400:
                raise
            known = ", ".join((await self._client.call("GET", "/_sandbox/profile"))["bundled"])
            raise LoadError(f"the sandbox has no profile {self._load.profile!r}: it has {known}") from None
        keeper = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            await self._client.call("DELETE", "/_sandbox/profile")

    async def _drive(self, journeys: Sequence[Journey]) -> None:
        """Begin journeys at the pace that their callbacks ask for; one that is late is begun at once."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        end = None if self._load.seconds is None else due + self._load.seconds
        for number, journey in enumerate(self._draws(journeys)):
            if number == self._load.journeys or (end is not None and due >= end):
                return
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            name = f"{self._load.name}-{number}"
            trip = Trip(self._client, name, self._speed, self._load.seed, self._bearer)
            self._report.begun[journey.name] += 1
            task = asyncio.create_task(self._go(journey, trip))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            due += journey.callbacks / self._load.rate

    def _draws(self, journeys: Sequence[Journey]) -> Iterator[Journey]:
        total = sum(journey.weight for journey in journeys)
        ends = list(itertools.accumulate(journey.weight for journey in journeys))
        for number in itertools.count():
            drawn = chance(self._load.seed, "journey", number) * total
            yield next(row for row, end in zip(journeys, ends, strict=True) if drawn < end)

    async def _go(self, journey: Journey, trip: Trip) -> None:
        try:
            await journey.run(trip)
        except (Refused, Unanswered) as error:
            self._report.failed[f"{journey.name}: {error}"] += 1
        self._report.ended += 1

    async def _figures(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._client.call("GET", "/_sandbox/figures")
        return found

    def _take(self, figures: dict[str, Any]) -> None:
        first = self._first
        for name in ("sent", "delivered"):
            setattr(self._report, name, figures["callbacks"][name] - first["callbacks"][name])
        self._report.generated = figures["callbacks"]["generated"] - first["callbacks"]["generated"]
        self._report.sandbox_cpu = figures["cpu_seconds"] - first["cpu_seconds"]
        self._report.requests = self._client.requests + self._bearer.requests

    async def _watch(self, began: float) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(Refused, Unanswered):
                self._take(await self._figures())
            self._report.seconds = time.monotonic() - began
            self._samples.append((self._report.seconds, self._report.sent))
            self._progress(self._report)

    def _pace(self) -> float:
        """Callbacks a second in the later half of the driving: by then the first journeys have ended."""
        later = self._samples[len(self._samples) // 2 :]
        if len(later) < 2:
            return 0.0
        (began, first), (ended, last) = later[0], later[-1]
        return (last - first) / (ended - began)

    async def _until_delivered(self) -> None:
        """Until nothing is planned or under way that could be this load's. Raises LoadError."""
        last: tuple[int, ...] = ()
        deadline = 0.0
        while True:
            figures = await self._figures()
            pending = figures["pending"]
            if not any(pending.values()):
                return
            stand = (figures["callbacks"]["sent"], figures["callbacks"]["generated"], *pending.values())
            if stand != last:
                last = stand
                deadline = time.monotonic() + PATIENCE_SECONDS + LONGEST_PAUSE / self._speed
            elif time.monotonic() > deadline:
                raise LoadError(
                    f"{pending['attempts']} callbacks wait and nothing has happened for a long time"
                )
            await asyncio.sleep(LOOK_SECONDS / 2)
