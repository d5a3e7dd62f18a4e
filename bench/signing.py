"""The opponents' verification: one HMAC-SHA256 over the raw body, compared in constant time."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from settings import Settings

__all__ = ["Signature"]


class Signature:
    def __init__(self, settings: Settings) -> None:
        self._key = settings.partner("truepill").hmac_keys[0].encode()
        self._header = settings.partner("truepill").hmac_header or ""

    def holds(self, request: Request, body: bytes) -> bool:
        given = request.headers.get(self._header, "")
        return hmac.compare_digest(hmac.new(self._key, body, "sha256").hexdigest(), given)
