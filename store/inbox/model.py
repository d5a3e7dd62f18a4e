"""What the tables of the inbox share: a copy on its way in, out of the queue, and into quarantine."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

__all__ = ["LEASE_SECONDS", "Arrival", "ClaimedCopy", "QuarantineRow"]

#: How long a first hint has before the sweeper sends another, in seconds.
LEASE_SECONDS = 15


class Arrival(NamedTuple):
    """One verified copy, sealed. `id` is its `KeyedHash.event_id`; `received_at` is aware, in UTC.

    `timeless` marks a source that prints no times: there, an equal body is a copy for ten minutes only.
    `url_id` is the request's id in the URL that it was pulled from, as it went into `id`.
    """

    id: bytes
    partner: str
    via: str
    received_at: datetime
    sealed: bytes
    timeless: bool = False
    url_id: str | None = None


class ClaimedCopy(NamedTuple):
    """One event to apply: `id` 16 bytes, `sealed` the body, or None when there is none any more.

    `url_id` is the request's id in the URL that it was pulled from.
    """

    seq: int
    id: bytes
    partner: str
    via: str
    received_at: datetime
    sealed: bytes | None
    url_id: str | None = None


class QuarantineRow(NamedTuple):
    """An event that goes into quarantine, with a reason code; `retry_at` in Unix seconds."""

    seq: int
    reason: str
    detail: str | None
    callback_type: str | None
    retry_at: int | None
