"""The receiver's process."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import logging.config
import signal
import types

import uvicorn
from starlette.types import ASGIApp

from ingest import logs
from ingest.app import build
from ingest.commit import Publish
from ingest.protocol import Protocol
from settings import Settings

__all__ = ["configured", "run"]

# Longer than a load balancer keeps an idle connection (60 s, 90 s or, in some clouds, 600 s), so that it is
# never we who close one at the moment it is used again: a POST that meets this is not sent twice.
KEEP_ALIVE_SECONDS = 620
# More than a slow body (10 s), a missed COMMIT (2 s) and a spool's write take together.
SHUTDOWN_SECONDS = 20
BACKLOG = 2048


def run(settings: Settings, *, host: str, port: int, publish: Publish) -> None:
    """Serve until SIGINT or SIGTERM; then answer what was taken, close, and return.

    `publish` is given the inbox ids of new events after their COMMIT and must not block. Raises SettingsError
    when a setting is missing, SystemExit when the address cannot be bound. For the main thread.
    """
    app = build(settings, publish=publish)
    logging.config.dictConfig(logs.CONFIG)
    # What is there now stays, so the collector need not walk it; and it runs less often than after every 700
    # objects. Under load this saved a tenth or more of the CPU a request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    # uvicorn raises the signal again once it has stopped: that would end the caller before it has cleaned up.
    before = signal.signal(signal.SIGTERM, _nothing)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(configured(app, host, port)).run()
    finally:
        signal.signal(signal.SIGTERM, before)


def configured(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    """How the receiver is served: our protocol, no access log, no headers believed."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        log_config=None,
        access_log=False,
        # Who the client is, is decided by RXLEDGER_TRUSTED_PROXIES; uvicorn would trust every loopback peer.
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # Else uvicorn reads WEB_CONCURRENCY, which platforms set, and ends when that is no number.
        workers=1,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _nothing(_number: int, _frame: types.FrameType | None) -> None:
    """The signal was obeyed already."""
