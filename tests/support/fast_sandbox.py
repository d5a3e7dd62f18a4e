"""A sandbox on loopback whose clock runs so fast that a fill takes some hundredths of a second."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from sandbox.customers import Customer, callback
from sandbox.load import Load, Report, run
from sandbox.server import Options, Sandbox, configured
from tests.support.sandbox import KEY, Recorder

__all__ = ["Fast", "fast"]

SPEED = 36_000.0


@dataclass
class Fast:
    """The sandbox, and the receiver that its callbacks go to."""

    sandbox: Sandbox
    url: str
    recorder: Recorder

    def drive(
        self, journeys: int, profile: str | None = None, seed: int = 0, *, with_payments: bool = False
    ) -> Report:
        load = Load(10_000, None, journeys, profile, f"test-{time.monotonic_ns()}", seed, with_payments)
        return asyncio.run(run(self.url, KEY, load, lambda _: None))


@contextlib.contextmanager
def fast(*, live_contract: bool = False) -> Iterator[Fast]:
    recorder = Recorder()
    serving = threading.Thread(target=recorder.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    target = callback(recorder.url, None)
    customer = Customer("sandbox", "sandbox", KEY, {"truepill": target, "healnow": target})
    options = Options((customer,), speed=SPEED, seed=3, callback_timeout=2.0, live_contract=live_contract)
    sandbox = Sandbox(options)
    server = uvicorn.Server(configured(sandbox, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        yield Fast(sandbox, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", recorder)
    finally:
        server.should_exit = True
        thread.join(20)
        recorder.shutdown()
        recorder.server_close()
