"""A partner's HTTP surface: every endpoint behind one function that authenticates, checks and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sandbox import idempotency
from sandbox.conduct import HEADER, PLAIN, Manner, read_manner
from sandbox.dated import date_header
from sandbox.endpoint import Call, Endpoint, offered
from sandbox.engine import Engine, Turn
from sandbox.openapi import BINARY, describe
from sandbox.partner import Partner
from sandbox.profile import Profile, ProfileError
from sandbox.reading import call, read
from sandbox.refusals import Refusal

__all__ = ["build"]

log = logging.getLogger(__name__)


def build(
    engine: Engine, partner: Partner, *, live_contract: bool, extra: Iterable[BaseRoute] = ()
) -> Starlette:
    """The application of one partner. `extra` routes stand before the partner's."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in offered(partner.endpoints, live_contract):
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    @cache  # made when it is first asked for: that takes longer than all the rest of the start
    def description() -> bytes:
        return orjson.dumps(describe(partner.about, offered(partner.endpoints, live_contract)))

    async def openapi(_: Request) -> Response:
        return Response(description(), media_type="application/json")

    answering = _Answering(engine, partner, live_contract)
    routes = [Route(path, answering.of(methods), methods=list(methods)) for path, methods in by_path.items()]
    app = Starlette(
        routes=[*extra, Route("/openapi.json", openapi), *partner.routes(engine), *routes],
        exception_handlers={HTTPException: answering.http_error, Exception: answering.crash},
    )
    app.router.redirect_slashes = False
    return app


class _Answering:
    """What all endpoints of a partner have in common."""

    def __init__(self, engine: Engine, partner: Partner, live_contract: bool) -> None:
        self._engine = engine
        self._partner = partner
        self._wording = partner.wording
        self._idempotent = partner.idempotent and live_contract

    def of(self, methods: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        engine, partner, wording = self._engine, self._partner, self._wording

        async def answer(request: Request) -> Response:
            endpoint = methods["GET" if request.method == "HEAD" else request.method]
            fault, manner = None, Manner()
            try:
                manner = read_manner(request.headers.get(HEADER, ""))
                body = await read(request, wording)
                fault = self._fault(manner)
                customer = partner.authenticate(request, body, engine.customers)
                understood = call(endpoint, request, body, wording, partner.prefix, parts=partner.parts)
                with engine.turn(customer, manner.text) as turn:
                    response = _answer(self._handled(turn, endpoint, understood, request, body))
                    # What was read was so then, however late the answer leaves.
                    response.raw_headers.append(date_header(turn.now))
            except Refusal as refusal:
                response = _json(refusal.status, refusal.document, refusal.headers)
            except ProfileError as error:
                response = _json(400, wording.failed(400, f"{HEADER}: {error}.").document)
            return await self._spoilt(engine.conduct.of(manner.text), response, fault)

        return answer

    def _handled(self, turn: Turn, endpoint: Endpoint, call: Call, request: Request, body: bytes) -> Any:
        key = request.headers.get(idempotency.HEADER) if self._idempotent else None
        if not key or request.method != "POST":
            return endpoint.handle(turn, call)
        refusal = self._wording.failed(422, "This Idempotency-Key was another request's.")
        asked = f"{request.url.path}\n".encode() + body
        return idempotency.once(turn, key, asked, refusal, lambda: endpoint.handle(turn, call))

    def _fault(self, manner: Manner) -> str | None:
        """What goes wrong with the answer once the request is carried out. Raises Refusal when it is not."""
        if self._engine.conduct.dark and manner.answer != PLAIN:
            raise self._wording.busy(503)
        fault = self._engine.conduct.fault(manner)
        if fault in ("429", "500", "503"):
            raise self._wording.busy(int(fault))
        return fault

    async def _spoilt(self, profile: Profile, response: Response, fault: str | None) -> Response:
        if fault == "lost":
            return _json(500, self._wording.busy(500).document)
        if fault == "stall":
            await asyncio.sleep(profile.stall_seconds)
        return Cut(response.body) if fault == "cut" else response

    async def http_error(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == 404:
            return _json(404, self._wording.not_found().document)
        refusal = self._wording.failed(error.status_code, "The request cannot be answered.")
        return _json(error.status_code, refusal.document, error.headers)

    async def crash(self, request: Request, error: Exception) -> Response:
        log.error("a request crashed: %s", type(error).__name__)
        return _json(500, self._wording.busy(500).document)


class Cut(Response):
    """An answer of which only the first half comes before the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _json(status: int, document: Any, headers: Any = None) -> Response:
    return Response(orjson.dumps(document), status, headers=headers, media_type="application/json")


def _answer(found: Any) -> Response:
    return Response(found, media_type=BINARY) if isinstance(found, bytes) else _json(200, found)
