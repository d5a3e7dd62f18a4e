"""The load generator: keep-alive connections on uvloop, requests built beforehand, a write and a read each.

It runs in the bench's own process, which does nothing else meanwhile, and measures its own CPU share: a
figure whose load took a whole core would be the load's, not the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

__all__ = ["Gate", "Load", "LoadError", "complete", "drive", "percentile"]

HOST = "127.0.0.1"
#: No answer on any connection for so long is a failure, in seconds.
STALLED = 30.0

#: Asked every 20 ms whether more may be sent; False stops the connections until it says True again. It blocks
#: the load while it looks, so it must be quick.
Gate = Callable[[], bool]
GATE_SECONDS = 0.020


class LoadError(Exception):
    """A server refused, closed a connection or stopped answering: no figure can be had from that."""


@dataclass
class Load:
    """What a run measured from the end of its warm-up to the last answer, in seconds; `sent` counts all."""

    sent: int
    seconds: float
    cpu_share: float
    latencies: list[float] = field(repr=False)

    @property
    def answers(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def at(self, share: float) -> float:
        return percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; a `share` of 0.99 is p99. NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def drive(
    port: int,
    requests: Iterable[bytes],
    connections: int,
    seconds: float,
    *,
    warm_up: float = 0.0,
    gate: Gate | None = None,
) -> Load:
    """Send requests in a closed loop on each connection for `warm_up` + `seconds`, or until none is left.

    Raises LoadError.
    """
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_drive(port, requests, connections, seconds, warm_up, gate))
    finally:
        gc.enable()


async def _drive(
    port: int,
    requests: Iterable[bytes],
    connections: int,
    seconds: float,
    warm_up: float,
    gate: Gate | None,
) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(loop, iter(requests), connections)
    made: list[_Connection] = []
    keeper: asyncio.Task[None] | None = None
    try:
        for _ in range(connections):
            made.append((await loop.create_connection(lambda: _Connection(run), HOST, port))[1])
            await run.greet(made[-1])
        keeper = loop.create_task(run.keep(gate)) if gate else None
        run.release()
        if warm_up:
            await asyncio.wait([run.ended], timeout=warm_up)
        run.latencies.clear()
        started, cpu = time.perf_counter(), time.process_time()
        loop.call_later(seconds, run.stop)
        await run.end()
        spent = time.process_time() - cpu
    finally:
        if keeper:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        for connection in made:
            connection.close()
    wall = run.answered - started
    return Load(run.sent, wall, spent / wall, run.latencies)


class _Run:
    """What the connections of one run share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: Iterator[bytes], connections: int) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self.latencies: list[float] = []
        self.answered = time.perf_counter()
        self.held = False
        self.sent = 0
        self._requests = requests
        self._left = connections
        self._parked: list[_Connection] = []

    def next(self) -> bytes | None:
        request = next(self._requests, None)
        self.sent += request is not None
        return request

    def stop(self) -> None:
        self._requests = iter(())
        self.release()

    def park(self, connection: _Connection) -> None:
        self._parked.append(connection)

    async def greet(self, connection: _Connection) -> None:
        """Have one request answered, then park: a busy server is slow to take connections, but all count."""
        self.held = True
        connection.send()
        while connection not in self._parked:
            self._check(time.perf_counter())
            await asyncio.sleep(0.0005)

    def release(self) -> None:
        self.held = False
        parked, self._parked = self._parked, []
        for connection in parked:
            connection.send()

    def leave(self) -> None:
        self._left -= 1
        if not self._left and not self.ended.done():
            self.ended.set_result(None)

    def fail(self, text: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(LoadError(text))

    async def end(self) -> None:
        """Wait for the last answer. Raises LoadError."""
        while not self.ended.done():
            await asyncio.wait([self.ended], timeout=1.0)
            self._check(time.perf_counter())

    def _check(self, now: float) -> None:
        if self.ended.done():
            self.ended.result()
        elif now - self.answered > STALLED:
            raise LoadError(f"no answer for {STALLED:.0f} s")

    async def keep(self, gate: Gate) -> None:
        while True:
            await asyncio.sleep(GATE_SECONDS)
            try:
                free = gate()
            except Exception as error:
                self.fail(f"the backlog cannot be read: {type(error).__name__}")
                return
            if not free:
                self.held = True
            elif self.held:
                self.release()


class _Connection(asyncio.Protocol):
    __slots__ = ("_buffer", "_done", "_run", "_sent", "_transport")

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._done = False
        self._sent = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def send(self) -> None:
        request = self._run.next()
        if request is None:
            self.close()
            self._run.leave()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not complete(data):
            self._buffer = data
            return
        self._buffer = b""
        run = self._run
        run.answered = now = time.perf_counter()
        run.latencies.append(now - self._sent)
        if not data.startswith(b"HTTP/1.1 200"):
            run.fail(f"answered {data[9:12].decode('latin-1')}")
        elif run.held:
            run.park(self)
        else:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done:
            self._run.fail("the server closed a connection")

    def close(self) -> None:
        self._done = True
        self._transport.close()


def complete(answer: bytes) -> bool:
    """Whether a whole answer is there; it must carry a Content-Length."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    place = answer.find(b"content-length: ", 0, head)
    if place < 0:
        raise LoadError("an answer without content-length")
    return len(answer) >= head + 4 + int(answer[place + 16 : answer.index(b"\r", place)])
