"""From sealed copies to the facts that they state, or to the reasons why they state none. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import orjson

from errors import describe
from partners.reading import Reading, Stated, Unreadable
from partners.truepill import callbacks, snapshots
from partners.truepill.envelopes import RESOURCE_OF
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.inbox.model import ClaimedCopy, QuarantineRow
from store.ledger.model import OURS, fact_id, lines_text, recheck_of
from workers.apply.model import ClaimedRecheck, ReadBatch, StatedFact, Tools, Unaddressed

__all__ = ["AHEAD_SECONDS", "read_batch"]

_new = tuple.__new__
Hash = Callable[[str, str], bytes]
Reader = Callable[[bytes, Hash, str | None], Reading]
READERS: Mapping[str, Reader] = {"truepill": callbacks.read}
#: For copies that came `via` a snapshot. No other way leads here, so no callback can pass for a record.
RECORD_READERS: Mapping[str, Reader] = {"truepill": snapshots.read}

#: No fact can be older than the partners' first webhook, nor newer than their clock may run ahead of ours.
EARLIEST = 1_420_070_400  # 2015-01-01
AHEAD_SECONDS = 600
_LAST_SECOND = 253_402_300_799  # the end of the year 9999: the server takes no later time


def read_batch(copies: Iterable[ClaimedCopy], tools: Tools, batch: ReadBatch | None = None) -> ReadBatch:
    """Unseal, decode and judge each copy by itself: whatever is wrong with one stays with that one.

    With `batch`, what they say is added to it.
    """
    batch = ReadBatch.empty() if batch is None else batch
    now = int(tools.clock().timestamp())
    for copy in copies:
        try:
            refused = _read(copy, tools, now, batch)
        except Unreadable as error:
            if error.unseen:
                batch.drifted.setdefault(copy.partner, Counter()).update(error.unseen)
            refused = QuarantineRow(copy.seq, error.reason, None, error.callback_type, None)
            if error.reason == "missing_status" and copy.url_id is not None:
                kind = callbacks.kind_of(error.callback_type)
                if kind in RESOURCE_OF:
                    batch.wanted.add((kind, copy.url_id))
        except UnknownSealKey:
            batch.keyless.append(copy.seq)
            continue
        except BrokenSeal:
            refused = QuarantineRow(copy.seq, "broken_seal", None, None, None)
        except Exception as error:
            # Ours, and certain to come again with this body: kept, with the place to look at.
            refused = QuarantineRow(copy.seq, "defect", describe(error), None, None)
        if refused is not None:
            batch.quarantined.append(refused)
    return batch


def _read(copy: ClaimedCopy, tools: Tools, now: int, batch: ReadBatch) -> QuarantineRow | None:
    """Add what a copy states, or say why it is quarantined. Raises Unreadable, UnknownSealKey, BrokenSeal."""
    if copy.sealed is None:
        return QuarantineRow(copy.seq, "no_body", None, None, None)
    body = tools.sealer.unseal(copy.sealed, copy.id)
    reader = (RECORD_READERS if copy.via == "snapshot" else READERS).get(copy.partner)
    if reader is None:
        recheck = recheck_of(body) if copy.partner == OURS else None
        if recheck is None:
            return QuarantineRow(copy.seq, "no_reader", None, None, None)
        batch.rechecks.append(ClaimedRecheck(copy, recheck))
        return None
    reading = reader(body, tools.keyed_hash.hash, copy.url_id)
    if reading.unseen:
        batch.drifted.setdefault(copy.partner, Counter()).update(reading.unseen)
    impossible = _impossible(copy, reading, now)
    if impossible is not None:
        return impossible
    for stated in reading.stated:
        stated_fact = _stated_fact(copy, reading.callback_type, stated, tools)
        if stated.key is None:
            batch.unaddressed.append(Unaddressed(stated.kind, stated_fact))
        else:
            batch.stated_facts.setdefault((stated.kind, stated.key), []).append(stated_fact)
    return None


def _stated_fact(copy: ClaimedCopy, callback_type: str, stated: Stated, tools: Tools) -> StatedFact:
    seq, event_id, _, via, received_at = copy[:5]
    _, _, fact, detail, links, aliases, number, _, _ = stated
    name = fact_id(fact)
    sealed = tools.sealer.seal(orjson.dumps(detail), name) if detail else None
    parcel = tools.keyed_hash.hash("parcel", number) if number else None
    said = (callback_type, fact, name, lines_text(fact.lines), sealed, links, aliases, parcel)
    return _new(StatedFact, (seq, event_id, via, received_at, *said))


def _impossible(copy: ClaimedCopy, reading: Reading, now: int) -> QuarantineRow | None:
    """More than ten minutes after it was received, or before 2015. The first can come true."""
    for stated in reading.stated:
        at = stated.fact.occurred_at
        if at > now + AHEAD_SECONDS and at > int(copy.received_at.timestamp()) + AHEAD_SECONDS:
            retry_at = at - AHEAD_SECONDS if at <= _LAST_SECOND else None
            return QuarantineRow(copy.seq, "future_time", None, reading.callback_type, retry_at)
        if at < EARLIEST:
            return QuarantineRow(copy.seq, "past_time", None, reading.callback_type, None)
    return None
