"""How webhooks are signed (live contract): the hex digest of the raw body, an HMAC with SHA-256.

Some write `sha256=` before it: every second body here, by its digest, so that a receiver meets both.
"""

from __future__ import annotations

import hmac

from sandbox.customers import Sign
from sandbox.healnow.assumed import SIGNATURE_HEADER

__all__ = ["signing"]


def signing(secret: bytes, header: str | None) -> Sign:
    """What signs a body; `header` is the name of the one that carries the signature."""
    name = header or SIGNATURE_HEADER

    def sign(body: bytes) -> list[tuple[str, str]]:
        digest = hmac.digest(secret, body, "sha256")
        return [(name, f"sha256={digest.hex()}" if digest[0] & 1 else digest.hex())]

    return sign
