"""From a sealed copy to the statements it makes, or to the reason why it makes none. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import orjson

from errors import describe
from partners.reading import Reading, Stated, Unreadable
from partners.truepill import callbacks, snapshots
from statemachine import Fact
from store.crypto.keyed_hash import Lookup
from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
from store.inbox.claim import Taken
from store.ledger import rechecks as look_store
from store.ledger.entities import Held
from workers.apply.derive import Seen
from workers.apply.plan import Statement, fact_id

__all__ = ["AHEAD_SECONDS", "Nameless", "Tools", "Understood", "understand"]

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


class Tools(NamedTuple):
    """What applying needs besides a connection. `clock` gives the aware time of now, in UTC."""

    sealer: Sealer
    lookup: Lookup
    clock: Callable[[], datetime]


class Nameless(NamedTuple):
    """A statement about an entity that only its `aliases` name, of which there is at least one."""

    kind: str
    statement: Statement


class Understood(NamedTuple):
    """A batch, read: statements by (kind, key), those about entities that their key does not name, what is
    quarantined, and what cannot be unsealed yet.

    `drifted` counts, by partner, what its contract does not say. `looks` are events of our own: what they
    state, the ledger has to be asked for.
    """

    statements: dict[tuple[str, str], list[Statement]]
    nameless: list[Nameless]
    held: list[Held]
    locked: list[int]
    drifted: dict[str, Counter[tuple[str, str, str]]]
    looks: list[Seen]


def understand(taken: Iterable[Taken], tools: Tools) -> Understood:
    """Unseal, decode and judge each copy by itself: whatever is wrong with one stays with that one."""
    statements: dict[tuple[str, str], list[Statement]] = {}
    nameless: list[Nameless] = []
    held: list[Held] = []
    locked: list[int] = []
    drifted: dict[str, Counter[tuple[str, str, str]]] = {}
    looks: list[Seen] = []
    now = int(tools.clock().timestamp())
    for copy in taken:
        if copy.sealed is None:
            held.append(Held(copy.seq, "no_body", None, None, None))
            continue
        try:
            body = tools.sealer.unseal(copy.sealed, copy.id)
            reader = (RECORD_READERS if copy.via == "snapshot" else READERS).get(copy.partner)
            if reader is None:
                look = look_store.look_of(body) if copy.partner == look_store.PARTNER else None
                if look is None:
                    held.append(Held(copy.seq, "no_reader", None, None, None))
                else:
                    looks.append(Seen(copy, look))
                continue
            reading = reader(body, tools.lookup.hash, copy.url_id)
            if reading.unseen:
                drifted.setdefault(copy.partner, Counter()).update(reading.unseen)
            impossible = _impossible(copy, reading, now)
            if impossible is not None:
                held.append(impossible)
                continue
            for stated in reading.stated:
                statement = _statement(copy, reading.callback_type, stated, tools)
                if stated.key is None:
                    nameless.append(Nameless(stated.kind, statement))
                else:
                    statements.setdefault((stated.kind, stated.key), []).append(statement)
        except Unreadable as error:
            drifted.setdefault(copy.partner, Counter()).update(error.unseen)
            held.append(Held(copy.seq, error.reason, None, error.callback_type, None))
        except UnknownSealKey:
            locked.append(copy.seq)
        except BrokenSeal:
            held.append(Held(copy.seq, "broken_seal", None, None, None))
        except Exception as error:
            # Ours, and certain to come again with this body: kept, with the place to look at.
            held.append(Held(copy.seq, "defect", describe(error), None, None))
    found = {partner: counts for partner, counts in drifted.items() if counts}
    return Understood(statements, nameless, held, locked, found, looks)


def _statement(copy: Taken, callback_type: str, stated: Stated, tools: Tools) -> Statement:
    seq, event_id, _, via, received_at = copy[:5]
    _, _, fact, detail, links, aliases = stated
    name = fact_id(fact)
    sealed = tools.sealer.seal(orjson.dumps(detail), name) if detail else None
    said = (callback_type, fact, name, _lines(fact), sealed, links, aliases)
    return _new(Statement, (seq, event_id, via, received_at, *said))


def _lines(fact: Fact) -> str | None:
    return orjson.dumps(fact.lines, default=list).decode() if fact.lines else None


def _impossible(copy: Taken, reading: Reading, now: int) -> Held | None:
    """D4: more than ten minutes after it was received, or before 2015. The first can come true."""
    for stated in reading.stated:
        at = stated.fact.occurred_at
        if at > now + AHEAD_SECONDS and at > int(copy.received_at.timestamp()) + AHEAD_SECONDS:
            retry_at = at - AHEAD_SECONDS if at <= _LAST_SECOND else None
            return Held(copy.seq, "future_time", None, reading.callback_type, retry_at)
        if at < EARLIEST:
            return Held(copy.seq, "past_time", None, reading.callback_type, None)
    return None
