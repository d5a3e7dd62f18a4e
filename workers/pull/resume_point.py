"""Where a round over records goes on, as its stream stores it: sealed, as page tokens are."""

from __future__ import annotations

from datetime import datetime

import orjson

from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
from store.pulls.record_schedule import ResumePoint

__all__ = ["seal_resume_point", "unseal_resume_point"]

#: Stored points are bound to these words: others would open none of them.
_CONTEXT = b"place of "


def seal_resume_point(sealer: Sealer, stream: str, point: ResumePoint | int) -> bytes:
    """For a stream's `next_page`: behind an entity, or before a page of the list."""
    told = point if isinstance(point, int) else [point.since.isoformat(), point.entity_id]
    return sealer.seal(orjson.dumps(told), _CONTEXT + stream.encode())


def unseal_resume_point(sealer: Sealer, stream: str, sealed: bytes | None) -> ResumePoint | int | None:
    """What was sealed for this stream; None for its beginning, and where it cannot be unsealed any more."""
    if sealed is None:
        return None
    try:
        told = orjson.loads(sealer.unseal(sealed, _CONTEXT + stream.encode()))
    except (BrokenSeal, UnknownSealKey):
        return None
    return told if isinstance(told, int) else ResumePoint(datetime.fromisoformat(told[0]), told[1])
