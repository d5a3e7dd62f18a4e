"""`rxledger up`: servers, migrations, receiver, worker, beat, Flower and the sandbox, until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from ops.local.children import environment, module
from ops.local.data_folder import ADDRESSES, ENV_FILE, generate, partner_values, set_values
from ops.local.embedded import Holder, hold
from ops.local.ports import claim
from ops.local.ready_file import ReadyFile, Run
from ops.local.supervisor import Supervisor
from ops.refused import Refused
from ops.render.console import notes, screen
from settings import Database, Settings, child_environment, read_env_file

__all__ = ["run"]

RECEIVER_PORT = 8700
FLOWER_PORT = 5555
SANDBOX_PORT = 8780
# A simulated fill takes 211 s of the partner's time: 3.5 s so.
SANDBOX_SPEED = "60x"
SANDBOX_STATE = "sandbox.sqlite"
# On one's own machine that is nothing to be told seven lines about.
AS_ROOT = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True)
class Plan(Run):
    """What this run is made of, once its servers are up and its ports are chosen."""

    port: int
    flower_port: int
    sandbox_port: int | None

    def commands(self) -> dict[str, list[str]]:
        # Every sweep would be three lines of news.
        quiet = ("--loglevel", "warning")
        commands = {
            "worker": module("ops.cli", "worker", "--name", self.node, *quiet),
            "beat": module("ops.cli", "beat", *quiet),
            "flower": module("ops.cli", "flower", "--port", str(self.flower_port)),
            "web": module("ops.cli", "web", "--port", str(self.port)),
        }
        if self.sandbox_port:
            commands["sandbox"] = self._sandbox(str(self.sandbox_port))
        return commands

    def _sandbox(self, port: str) -> list[str]:
        state = str(self.settings.data_dir / SANDBOX_STATE)
        options = ("--port", port, "--speed", SANDBOX_SPEED, "--state", state, "--live-contract")
        return module("ops.cli", "sandbox", *options)


def run(
    folder: Path, *, port: int | None, ready_file: Path | None, as_json: bool, sandbox: bool = True
) -> int:
    """Run everything; returns the exit code: 0 when asked to end, 1 when something could not be kept up.

    Raises Refused, EmbeddedError or SettingsError when it cannot start.
    """
    target = ready_file.resolve() if ready_file else None
    if target:
        target.unlink(missing_ok=True)
    environ = {name: value for name, value in child_environment({}).items() if value}
    console = notes if as_json else screen
    try:
        with _interruptible(), contextlib.ExitStack() as stack:
            wants_valkey = not (environ.get("REDIS_URL") or environ.get("BROKER_URL"))
            with console.status("starting the servers"):
                holder = stack.enter_context(
                    hold(folder, postgres="DATABASE_URL" not in environ, valkey=wants_valkey)
                )
            plan = stack.enter_context(_prepare(folder, environ, holder, port, sandbox))
            with console.status("migrating"):
                _migrate(plan.settings.database)
            return _supervise(plan, holder, console, target, as_json)
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """While things are being started, every signal to end is an exception, so that all is undone."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _prepare(
    folder: Path, environ: Mapping[str, str], holder: Holder, port: int | None, sandbox: bool
) -> Iterator[Plan]:
    """Write DIR/env and read the settings back as the children will."""
    stored = generate(folder, environ)
    with (
        claim(_wanted(stored, "RXLEDGER_RECEIVER_URL", RECEIVER_PORT, port)) as web,
        claim(_wanted(stored, "RXLEDGER_FLOWER_URL", FLOWER_PORT, None)) as flower,
        claim(_wanted(stored, "RXLEDGER_SANDBOX_URL", SANDBOX_PORT, None)) as partner,
    ):
        if port and web != port:
            raise Refused(f"port {port} is taken: choose another with --port, or leave it out")
        broker = holder.addresses.broker_url
        redis_url = environ.get("REDIS_URL") or broker
        sandbox_url = f"http://127.0.0.1:{partner}" if sandbox else None
        key = (environ.get("RXLEDGER_SANDBOX_KEYS") or stored.get("RXLEDGER_SANDBOX_KEYS", "")).split(",")[0]
        addresses = {
            "DATABASE_URL": environ.get("DATABASE_URL") or holder.addresses.database_url,
            "REDIS_URL": redis_url or None,
            "BROKER_URL": environ.get("BROKER_URL") or redis_url,
            "RXLEDGER_RECEIVER_URL": f"http://127.0.0.1:{web}",
            "RXLEDGER_FLOWER_URL": f"http://127.0.0.1:{flower}",
            "RXLEDGER_SANDBOX_URL": sandbox_url,
            **partner_values(stored, environ, sandbox_url, key.strip()),
        }
        set_values(folder, addresses)
        # What runs here is where we put it, whatever the environment says about another run.
        for name in ("RXLEDGER_RECEIVER_URL", "RXLEDGER_FLOWER_URL", "RXLEDGER_SANDBOX_URL"):
            environ = {**environ, name: addresses[name] or ""}
        settings = Settings.load(environ, folder)
        settings.require("database", "broker", "sealing", "receiver", "flower", "sandbox")
        variables = {**read_env_file(folder / ENV_FILE), **{k: v for k, v in environ.items() if _is_ours(k)}}
        # The worker's name: a broker may be shared by several runs.
        node = f"worker-{web}@{socket.gethostname()}"
        variables["RXLEDGER_DATA"] = str(folder)
        yield Plan(settings, node, variables, web, flower, partner if sandbox else None)


def _is_ours(name: str) -> bool:
    return name.startswith("RXLEDGER_") or name in ADDRESSES


def _wanted(stored: Mapping[str, str], name: str, usual: int, explicit: int | None) -> list[int]:
    if explicit:
        return [explicit]
    before = urlsplit(stored.get(name, "")).port
    return [port for port in (before, usual) if port]


def _migrate(database: Database) -> None:
    from store.db.migrate import upgrade

    upgrade(database)


def _supervise(plan: Plan, holder: Holder, console: Console, target: Path | None, as_json: bool) -> int:
    supervisor = Supervisor(console, holder)
    with supervisor.signals():
        try:
            for name, command in plan.commands().items():
                supervisor.start(name, command, environment({**plan.variables, "PYTHONWARNINGS": AS_ROOT}))
            ready_file = ReadyFile(plan, console, partial(supervisor.say, "up"), target, as_json)

            def tick() -> None:
                if supervisor.complete:
                    ready_file.look({**supervisor.pids, **holder.addresses.pids})
                    if ready_file.told:
                        supervisor.all_came_up()

            trouble = supervisor.run(tick)
            supervisor.say("up", f"{trouble}: stopping" if trouble else "stopping")
        finally:
            supervisor.stop()
    return 1 if trouble else 0
