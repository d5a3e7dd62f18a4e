"""The fixed reference: what Starlette takes to read a request, verify, parse and answer it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.signing import Signature
from settings import Settings

__all__ = ["build"]


def build(settings: Settings) -> Starlette:
    signature = Signature(settings)

    async def webhook(request: Request) -> JSONResponse:
        body = await request.body()
        if not signature.holds(request, body):
            return JSONResponse({"error": "not verified"}, status_code=401)
        payload = await request.json()
        return JSONResponse({"received": payload["callback_type"]})

    return Starlette(routes=[Route("/webhooks/truepill", webhook, methods=["POST"])])
