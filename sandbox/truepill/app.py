"""The partner's HTTP surface: every endpoint behind one function that authenticates, checks and answers."""

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

from sandbox.conduct import HEADER, PLAIN, Manner, read_manner
from sandbox.dated import date_header
from sandbox.engine import Engine, Step
from sandbox.profile import Profile, ProfileError
from sandbox.truepill import (
    claims,
    consult_steps,
    consults,
    copay_steps,
    copays,
    coverage,
    direct_transfers,
    events,
    fill_changes,
    fill_requests,
    fill_steps,
    insurance,
    media,
    patients,
    prescriptions,
    prior_auths,
    safety,
    transfer_steps,
    transfers,
)
from sandbox.truepill.endpoint import Endpoint
from sandbox.truepill.errors import Refusal, busy, failed, not_found
from sandbox.truepill.openapi import describe
from sandbox.truepill.reading import authenticate, call, read

__all__ = ["ENDPOINTS", "STEPS", "build", "offered"]

log = logging.getLogger(__name__)

#: A part of the reference is a module; here it takes its place.
ENDPOINTS: tuple[Endpoint, ...] = (
    *patients.ENDPOINTS,
    *prescriptions.ENDPOINTS,
    *fill_requests.ENDPOINTS,
    *fill_changes.ENDPOINTS,
    *insurance.ENDPOINTS,
    *claims.ENDPOINTS,
    *copays.ENDPOINTS,
    *prior_auths.ENDPOINTS,
    *coverage.ENDPOINTS,
    *safety.ENDPOINTS,
    *transfers.ENDPOINTS,
    *direct_transfers.ENDPOINTS,
    *consults.ENDPOINTS,
    *media.ENDPOINTS,
    *events.ENDPOINTS,
)
STEPS: dict[str, Step] = {
    **prescriptions.STEPS,
    **fill_steps.STEPS,
    **copay_steps.STEPS,
    **prior_auths.STEPS,
    **coverage.STEPS,
    **transfer_steps.STEPS,
    **direct_transfers.STEPS,
    **consult_steps.STEPS,
    **media.STEPS,
}


def offered(live_contract: bool) -> list[Endpoint]:
    """The reference's endpoints, with or without what the live contract adds."""
    return [endpoint for endpoint in ENDPOINTS if live_contract or not endpoint.live]


def build(engine: Engine, *, live_contract: bool, extra: Iterable[BaseRoute] = ()) -> Starlette:
    """The application. `extra` routes stand beside the partner's."""
    endpoints = offered(live_contract)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    async def openapi(_: Request) -> Response:
        return Response(_description(live_contract), media_type="application/json")

    routes = [
        Route(path, _answering(engine, methods), methods=list(methods)) for path, methods in by_path.items()
    ]
    app = Starlette(
        routes=[*extra, Route("/openapi.json", openapi), *media.routes(engine), *routes],
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )
    app.router.redirect_slashes = False
    app.state.live_contract = live_contract
    return app


@cache  # made when it is first asked for: that takes longer than all the rest of the start
def _description(live_contract: bool) -> bytes:
    return orjson.dumps(describe(offered(live_contract)))


def _answering(engine: Engine, methods: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]
        fault, manner = None, Manner()
        try:
            manner = read_manner(request.headers.get(HEADER, ""))
            body = await read(request)
            fault = _fault(engine, manner)
            customer = authenticate(request, body, engine.customers)
            understood = call(endpoint, request, body)
            with engine.turn(customer, manner.text) as turn:
                response = _json(200, endpoint.handle(turn, understood))
                # What was read was so then, however late the answer leaves.
                response.raw_headers.append(date_header(turn.now))
        except Refusal as refusal:
            response = _json(refusal.status, refusal.document, refusal.headers)
        except ProfileError as error:
            response = _json(400, failed(400, f"{HEADER}: {error}.").document)
        return await _spoilt(engine.conduct.of(manner.text), response, fault)

    return answer


def _fault(engine: Engine, manner: Manner) -> str | None:
    """What goes wrong with the answer after the request was carried out. Raises Refusal when it is not."""
    if engine.conduct.dark and manner.answer != PLAIN:
        raise busy(503)
    fault = engine.conduct.fault(manner)
    if fault in ("429", "500", "503"):
        raise busy(int(fault))
    return fault


async def _spoilt(profile: Profile, response: Response, fault: str | None) -> Response:
    if fault == "lost":
        return _json(500, busy(500).document)
    if fault == "stall":
        await asyncio.sleep(profile.stall_seconds)
    return Cut(response.body) if fault == "cut" else response


class Cut(Response):
    """An answer of which only the first half comes before the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _json(status: int, document: Any, headers: Any = None) -> Response:
    return Response(orjson.dumps(document), status, headers=headers, media_type="application/json")


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return _json(404, not_found().document)
    refusal = failed(error.status_code, "The request cannot be answered.")
    return _json(error.status_code, refusal.document, error.headers)


async def _crash(request: Request, error: Exception) -> Response:
    log.error("a request crashed: %s", type(error).__name__)
    return _json(500, failed(500, "An internal server error occurred.").document)
