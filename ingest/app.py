"""The receiver as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import describe
from ingest.body import BodyReader
from ingest.commit import Committer, Publish
from ingest.connection import Admit, Connect, TimedConnection
from ingest.gauges import Gauges
from ingest.health import Health
from ingest.limits import Limits
from ingest.metrics import Metrics
from ingest.spool import Spool
from ingest.spool_drainer import SpoolDrainer
from ingest.strays import Strays
from ingest.verification import Verifier
from ingest.webhook import Now, Webhook
from partners.registry import partners_of
from settings import Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.db.connections import connect_async
from store.inbox.admit import admit as admit_copies

__all__ = ["build"]

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


def build(
    settings: Settings,
    *,
    publish: Publish,
    clock: Now = utc_now,
    limits: Limits | None = None,
    connect: Connect | None = None,
    admit: Admit = admit_copies,
) -> ASGIApp:
    """The application: a route for each partner that has a secret, health, readiness and metrics.

    `publish` is given the inbox ids of new events after their COMMIT; it must not block. Raises SettingsError
    when the database, the keys or every partner's secret is missing.
    """
    settings.require("database", "sealing", "receiver")
    limits = limits or Limits()
    connect = connect or functools.partial(connect_async, settings.database)
    gauges = Gauges(TimedConnection(connect, admit), limits.commit_seconds)
    metrics = Metrics(gauges)
    spool = Spool(settings.spool)
    connections = [TimedConnection(connect, admit) for _ in range(limits.connections)]
    committer = Committer(connections, spool, publish, metrics, limits)
    drainer = SpoolDrainer(TimedConnection(connect, admit), committer, spool, metrics, limits)
    health = Health(committer, spool, metrics, gauges, limits, settings.metrics_token)
    reader = BodyReader(limits)
    known = partners_of(settings.partner_folders)
    routes: list[BaseRoute] = [
        Route(
            f"/webhooks/{partner.name}",
            endpoint=Webhook(
                partner.name,
                verifier=Verifier(partner, settings.trusted_proxies),
                reader=reader,
                committer=committer,
                keyed_hash=KeyedHash(settings.lookup_key or b""),
                sealer=Sealer(settings.seal_keys),
                clock=clock,
                metrics=metrics,
                limits=limits,
                timeless=known[partner.name].timeless,
            ),
            methods=["POST"],
        )
        for partner in settings.partners
        if partner.has_secret
    ]

    secret = {f"/webhooks/{partner.name}": partner.has_secret for partner in settings.partners}
    strays = Strays(
        metrics, *([path for path in secret if secret[path] is wanted] for wanted in (True, False))
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(_log_loop_error)
        drainer.start()
        yield
        # First everything taken becomes durable; the drainer then lets go of the spool.
        await committer.close()
        await drainer.close()
        await gauges.close()

    app = Starlette(
        routes=[*routes, *health.routes()],
        exception_handlers={HTTPException: functools.partial(_http_error, strays), Exception: _crash},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Guard(app, metrics, strays)


class Guard:
    """The outermost layer: an error ends here, as its class and frames in our log.

    Starlette raises it again once it has answered 500, and the server below would log its text.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, strays: Strays) -> None:
        self._app = app
        self._metrics = metrics
        #: For the protocol below, which alone sees what is no HTTP.
        self.strays = strays

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            self._metrics.crashes.inc()
            log.error("a request crashed: %s", describe(error))


async def _http_error(strays: Strays, request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    strays.refused(error.status_code, request.method, request.url.path)
    text = {404: "not found", 405: "method not allowed"}.get(error.status_code, "refused")
    return JSONResponse({"error": text}, status_code=error.status_code, headers=error.headers)


async def _crash(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "internal error"}, status_code=500)


def _log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would log with the text of the exception in it."""
    error = context.get("exception")
    what = describe(error) if isinstance(error, BaseException) else "no exception"
    log.error("the event loop reports: %s: %s", context.get("message", ""), what)
