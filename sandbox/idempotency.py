"""Requests that come again with the same `Idempotency-Key`: carried out once, answered alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.engine import Turn
from sandbox.refusals import Refusal

__all__ = ["HEADER", "once"]

HEADER = "Idempotency-Key"
KIND = "idempotency"


def once(turn: Turn, key: str, request: bytes, refusal: Refusal, carry_out: Callable[[], Any]) -> Any:
    """What the first request with this key was answered; this one is carried out if it is the first.

    `request`: its method, path and body. Raises the refusal when the key was another request's.
    """
    token = hashlib.blake2b(f"{turn.customer.name}\x1f{key}".encode(), digest_size=16).hexdigest()
    digest = hashlib.blake2b(request, digest_size=16).hexdigest()
    known = turn.own(KIND, token)
    if known is None:
        answer = carry_out()
        turn.create(KIND, token, {"digest": digest, "answer": answer})
        return answer
    if known.document["digest"] != digest:
        raise refusal
    return known.document["answer"]
