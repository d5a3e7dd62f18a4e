"""A batch as the bytes of one spool file. Bodies in it are sealed already.

`magic | SHA-256 of the rest | rows`, each row: id (16), received_at (microseconds since 1970, 8), flags (1),
lengths of partner (1), via (1) and body (4), then the three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct

from store.inbox.model import Arrival

__all__ = ["Damaged", "decode", "encode", "microseconds"]

_MAGIC = b"rxledger spool 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size
_ROW = Struct(">16sq?BBI")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Damaged(Exception):
    """The bytes are not what was written."""


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970; exact, unlike `timestamp()`."""
    return (moment - _EPOCH) // _MICROSECOND


def encode(batch: Sequence[Arrival]) -> bytes:
    rows = b"".join(piece for arrival in batch for piece in _pieces(arrival))
    return _MAGIC + hashlib.sha256(rows).digest() + rows


def _pieces(arrival: Arrival) -> tuple[bytes, ...]:
    partner, via = arrival.partner.encode(), arrival.via.encode()
    head = _ROW.pack(
        arrival.id,
        microseconds(arrival.received_at),
        arrival.timeless,
        len(partner),
        len(via),
        len(arrival.sealed),
    )
    return head, partner, via, arrival.sealed


def decode(data: bytes) -> list[Arrival]:
    """The batch. Raises Damaged when a single byte differs from what was written."""
    rows = data[_HEAD:]
    if not data.startswith(_MAGIC) or hashlib.sha256(rows).digest() != data[len(_MAGIC) : _HEAD]:
        raise Damaged
    return list(_rows(rows))


def _rows(rows: bytes) -> Iterator[Arrival]:
    at = 0
    while at < len(rows):
        event_id, when, timeless, *lengths = _ROW.unpack_from(rows, at)
        at += _ROW.size
        texts = []
        for length in lengths:
            texts.append(rows[at : at + length])
            at += length
        partner, via, sealed = texts
        received_at = _EPOCH + timedelta(microseconds=when)
        yield Arrival(event_id, partner.decode(), via.decode(), received_at, sealed, timeless)
