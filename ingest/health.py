"""Health, readiness and metrics. None of them costs PostgreSQL anything by being asked often."""

from __future__ import annotations

import asyncio
import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingest.addresses import parse
from ingest.commit import Committer
from ingest.gauges import Gauges
from ingest.limits import Limits
from ingest.metrics import CONTENT_TYPE, Metrics
from ingest.spool import Spool

__all__ = ["Health"]

# Any of these says that somebody else's request is passed on to us: its peer is a proxy, loopback or not.
PASSED_ON = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")


class Health:
    """The three GET routes."""

    def __init__(
        self,
        committer: Committer,
        spool: Spool,
        metrics: Metrics,
        gauges: Gauges,
        limits: Limits,
        metrics_token: str | None,
    ) -> None:
        self._committer = committer
        self._spool = spool
        self._metrics = metrics
        self._gauges = gauges
        self._limits = limits
        self._token = metrics_token
        self._writable = False
        self._checked_at = float("-inf")
        self._check: asyncio.Task[bool] | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.alive, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def alive(self, request: Request) -> Response:
        """The process runs and its event loop turns."""
        return JSONResponse({"alive": True})

    async def ready(self, request: Request) -> Response:
        """200 when an event could be made durable, in PostgreSQL or in the spool; else 503."""
        database, spool = self._database_answers(), await self._spool_is_writable()
        ready = database or spool
        return JSONResponse(
            {"ready": ready, "postgresql": database, "spool": spool}, status_code=200 if ready else 503
        )

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text, for loopback or for who has the token."""
        if not (self._is_local(request) or self._has_token(request)):
            headers = {"www-authenticate": "Bearer"}
            return JSONResponse({"error": "not for everybody"}, status_code=401, headers=headers)
        await self._gauges.refresh()
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    def _database_answers(self) -> bool:
        # The spool's drainer asks when nobody else does, so that a silence this long means something.
        silence = asyncio.get_running_loop().time() - self._committer.answered_at
        return self._committer.available and silence < 3 * self._limits.idle_seconds

    async def _spool_is_writable(self) -> bool:
        """A trial write at most every few seconds, shared by all who ask meanwhile."""
        now = asyncio.get_running_loop().time()
        if self._check is None and now - self._checked_at >= self._limits.check_seconds:
            self._check = asyncio.ensure_future(asyncio.to_thread(self._spool.check))
        if self._check is not None:
            try:
                self._writable = await asyncio.shield(self._check)
            finally:
                if self._check is not None and self._check.done():
                    self._check, self._checked_at = None, now
        return self._writable

    def _is_local(self, request: Request) -> bool:
        address = parse(request.client.host) if request.client else None
        if address is None or not address.is_loopback:
            return False
        return not any(name in request.headers for name in PASSED_ON)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if not self._token or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("latin-1"), self._token.encode())
