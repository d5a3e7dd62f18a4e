"""From sealed copies to the facts that they state, or to the reasons why they state none. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import orjson

from errors import describe
from partners.reading import Reading, Stated, Unreadable
from partners.registry import Reader, partners_of
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.inbox.model import ClaimedCopy, QuarantineRow
from store.ledger.model import OURS, fact_id, lines_text, recheck_of, undated_fact_id
from workers.apply.decisions import MANUAL, decision_of
from workers.apply.model import ClaimedRecheck, ReadBatch, StatedFact, Tools, Unaddressed

__all__ = ["AHEAD_SECONDS", "read_batch"]

_new = tuple.__new__


class Readers(NamedTuple):
    """What reads a partner's copies, by its name. No way but `via` a snapshot leads to `records`, so no
    callback can pass for a record.
    """

    callbacks: Mapping[str, Reader]
    records: Mapping[str, Reader]


@cache
def readers(folders: tuple[Path, ...] = ()) -> Readers:
    """Those of the partners that come along, and of these folders."""
    known = partners_of(folders).values()
    return Readers(
        {one.name: one.reader() for one in known},
        {one.name: one.record_reader() for one in known if one.record_reader is not None},
    )


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
            if error.wanted is not None:
                batch.wanted.add(error.wanted)
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
    known = readers(tools.partner_folders)
    reader = (known.records if copy.via == "snapshot" else known.callbacks).get(copy.partner)
    if reader is None:
        return _read_ours(copy, body, tools, batch)
    reading = reader(body, tools.keyed_hash.hash, copy.url_id)
    if reading.unseen:
        batch.drifted.setdefault(copy.partner, Counter()).update(reading.unseen)
    impossible = _impossible(copy, reading, now)
    if impossible is not None:
        return impossible
    for stated in reading.stated:
        stated_fact = _stated_fact(copy, reading.callback_type, stated, tools)
        if stated.key is None:
            batch.unaddressed.append(Unaddressed(stated.kind, stated_fact, stated.fallback))
        else:
            batch.stated_facts.setdefault((stated.kind, stated.key), []).append(stated_fact)
    return None


def _read_ours(copy: ClaimedCopy, body: bytes, tools: Tools, batch: ReadBatch) -> QuarantineRow | None:
    """A recheck, or what a person decided."""
    if copy.partner == OURS and copy.via == MANUAL:
        if (decision := decision_of(copy, body, tools)) is not None:
            batch.unaddressed.append(decision)
            return None
    elif copy.partner == OURS and (recheck := recheck_of(body)) is not None:
        batch.rechecks.append(ClaimedRecheck(copy, recheck))
        return None
    return QuarantineRow(copy.seq, "no_reader", None, None, None)


def _stated_fact(copy: ClaimedCopy, callback_type: str, stated: Stated, tools: Tools) -> StatedFact:
    seq, event_id, _, via, received_at = copy[:5]
    _, _, fact, detail, links, aliases, number, undated, _ = stated
    name = undated_fact_id(fact) if undated else fact_id(fact)
    if undated:
        fact = fact._replace(occurred_at=int(received_at.timestamp()))
    sealed = tools.sealer.seal(orjson.dumps(detail), name) if detail else None
    parcel = tools.keyed_hash.hash("parcel", number) if number else None
    said = (callback_type, fact, name, lines_text(fact.lines), sealed, links, aliases, parcel, undated)
    return _new(StatedFact, (seq, event_id, via, received_at, *said))


def _impossible(copy: ClaimedCopy, reading: Reading, now: int) -> QuarantineRow | None:
    """More than ten minutes after it was received, or before 2015. The first can come true."""
    for stated in reading.stated:
        if stated.undated:
            continue
        at = stated.fact.occurred_at
        if at > now + AHEAD_SECONDS and at > int(copy.received_at.timestamp()) + AHEAD_SECONDS:
            retry_at = at - AHEAD_SECONDS if at <= _LAST_SECOND else None
            return QuarantineRow(copy.seq, "future_time", None, reading.callback_type, retry_at)
        if at < EARLIEST:
            return QuarantineRow(copy.seq, "past_time", None, reading.callback_type, None)
    return None
