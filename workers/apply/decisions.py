"""What people decide, as facts: an event of our own says who decided what, and why.

    {"decision": SIGNAL, "kind": KIND, "key": KEY, "at": SECONDS, "by": NAME, "reason": TEXT, "detail": {...}}

It stands in the same tables as a partner's copies and is read by the same worker, so that it is replayed and
taken back as any other. Only commands of ours admit one (`via` manual).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from partners.reading import Link
from statemachine import Fact
from store.inbox.model import ClaimedCopy
from store.ledger.model import fact_id
from workers.apply.model import StatedFact, Tools, Unaddressed

__all__ = ["CALLBACK_TYPE", "DECISIONS", "MANUAL", "decision_body", "decision_of"]

MANUAL = "manual"
#: What lists of events print as the type.
CALLBACK_TYPE = "DECISION"
#: What people may say of a kind.
DECISIONS: Mapping[str, frozenset[str]] = {
    "payment": frozenset({"payment:assigned", "payment:unassigned", "payment:refunded"})
}


def decision_body(
    signal: str, kind: str, key: str, *, at: int, by: str, reason: str, detail: Mapping[str, object]
) -> bytes:
    """The body of the event. Raises ValueError for a signal that is nobody's to say of this kind."""
    if signal not in DECISIONS.get(kind, ()):
        raise ValueError(f"{signal} is not for people to say of a {kind}")
    said = {"decision": signal, "kind": kind, "key": key, "at": at, "by": by, "reason": reason}
    return orjson.dumps({**said, "detail": dict(detail)}, option=orjson.OPT_SORT_KEYS)


def decision_of(copy: ClaimedCopy, body: bytes, tools: Tools) -> Unaddressed | None:
    """What a decision states; None for one that this version does not know.

    The entity may go by another key by now, so it is named as if by an alias.
    """
    said: dict[str, Any] = orjson.loads(body)
    kind, key, signal = said.get("kind", ""), said.get("key", ""), said.get("decision", "")
    if signal not in DECISIONS.get(kind, ()):
        return None
    # Two of one second are two decisions.
    fact = Fact(said["at"], signal, None, copy.id)
    name = fact_id(fact)
    detail = {**said["detail"], "by": said["by"], "reason": said["reason"]}
    sealed = tools.sealer.seal(orjson.dumps(detail), name)
    links: set[Link] = {("payment", key)}
    if target := said["detail"].get("key"):
        links.add(("request", target))
    stated = StatedFact(
        copy.seq, copy.id, copy.via, copy.received_at, CALLBACK_TYPE, fact, name, None, sealed
    )
    return Unaddressed(kind, stated._replace(links=frozenset(links), aliases=(key,)), key)
