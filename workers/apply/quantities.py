"""What a fill's success says of its lines beside what its registered request asked for."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from partners.truepill.quantities import SUCCESS, shortened
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.ledger.model import EntityRow, lines_text, quantities_name
from workers.apply.model import StatedFact, Tools

__all__ = ["beside_the_request"]


def beside_the_request(
    entity: EntityRow, stated_facts: Sequence[StatedFact], tools: Tools
) -> Sequence[StatedFact]:
    """The stated facts, with lines that are short of what was asked for where that is known.

    It is seldom known, so most batches come here with nothing to do. What cannot be unsealed is taken as it
    stands: a replay with the key puts it right.
    """
    if entity.quantities is None or not any(s.fact.signal == SUCCESS for s in stated_facts):
        return stated_facts
    try:
        name = quantities_name(entity.kind, entity.key)
        asked: dict[str, float] = orjson.loads(tools.sealer.unseal(entity.quantities, name))
        return [_beside(s, asked, tools) if s.fact.signal == SUCCESS else s for s in stated_facts]
    except (UnknownSealKey, BrokenSeal):
        return stated_facts


def _beside(stated: StatedFact, asked: dict[str, float], tools: Tools) -> StatedFact:
    if stated.detail is None:
        return stated
    shown = orjson.loads(tools.sealer.unseal(stated.detail, stated.fact_id)).get("lines", ())
    fact = shortened(stated.fact, shown, asked)
    return stated if fact is stated.fact else stated._replace(fact=fact, lines=lines_text(fact.lines))
