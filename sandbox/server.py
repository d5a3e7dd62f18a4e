"""The sandbox's process: one loop that serves the partners' APIs and sends their callbacks."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox import control, desk
from sandbox.app import build
from sandbox.conduct import Conduct
from sandbox.customers import Customer, Customers
from sandbox.dated import Dated
from sandbox.engine import Engine, Sources
from sandbox.partner import Partner
from sandbox.partners import partners
from sandbox.plan import Planner
from sandbox.profile import CALM, Profile
from sandbox.time_source import SandboxTime
from sandbox.world import World

__all__ = ["Options", "Sandbox", "run"]

SHUTDOWN_SECONDS = 5


@dataclass(frozen=True)
class Options:
    """How a sandbox is set up. `lag`: how far back a fast sandbox starts, in seconds; None: the usual.

    `profile` stands as long as the sandbox runs.
    """

    customers: tuple[Customer, ...]
    speed: float = 1.0
    lag: float | None = None
    seed: int | None = None
    state: Path | None = None
    live_contract: bool = False
    callback_timeout: float = 10.0
    profile: Profile = CALM


class Sandbox:
    """Everything together. Raises StateError, or ValueError when the customers contradict each other."""

    def __init__(
        self, options: Options, real: Callable[[], float] = time.time, planner: Planner | None = None
    ) -> None:
        customers = Customers(options.customers)
        self.world = World(options.state, options.seed)
        own_time = SandboxTime(real, options.speed, options.lag, self.world.newest())
        conduct = Conduct(self.world.ids.seed, options.profile, real)
        emulated = partners()
        steps = {name: step for partner in emulated for name, step in partner.steps.items()}
        sources: Sources = {
            kind: (partner.name, partner.callbacks) for partner in emulated for kind in partner.truth.kinds
        }
        self.engine = Engine(
            self.world, own_time, customers, steps, sources, conduct, planner, options.callback_timeout
        )
        self.app = self._app(emulated, options.live_contract)
        self.app.router.lifespan_context = self._lifespan

    def _app(self, emulated: Sequence[Partner], live_contract: bool) -> Starlette:
        """The partner without a prefix, before it the desk's pages and the others."""
        engine = self.engine
        (first,) = (partner for partner in emulated if not partner.prefix)
        others = [
            Mount(partner.prefix, build(engine, partner, live_contract=live_contract))
            for partner in emulated
            if partner.prefix
        ]
        pages = [
            *control.routes(engine, live_contract),
            *desk.routes(engine, live_contract, first),
            *(page for partner in emulated for page in partner.desk(engine)),
        ]
        return build(engine, first, live_contract=live_contract, extra=[*pages, *others])

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        loop = asyncio.create_task(self.engine.run())
        loop.add_done_callback(_loop_ended)
        yield
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        self.world.close()


def _loop_ended(task: asyncio.Task[None]) -> None:
    """Without its loop the sandbox would be silent: let whoever supervises it start it again."""
    if not task.cancelled() and (error := task.exception()):
        logging.getLogger(__name__).critical("the sandbox's loop failed: %s", type(error).__name__)
        raise SystemExit(1)


def configured(sandbox: Sandbox, host: str, port: int) -> uvicorn.Config:
    """How the sandbox is served."""
    return uvicorn.Config(
        Dated(sandbox.app, sandbox.engine.now),
        host=host,
        port=port,
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="on",
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def run(options: Options, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM. Raises StateError, or SystemExit when the address cannot be bound."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configured(Sandbox(options), host, port)).run()
