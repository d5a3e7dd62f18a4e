"""Which entity a batch's news is about, where only another name of it is given.

Every alias that the batch itself tells is claimed first, so that the order within a batch means nothing. All
of it is done before any entity is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from store.inbox.model import QuarantineRow
from store.ledger import aliases
from store.ledger.aliases import AliasNewsRow, AliasRow
from workers.apply.model import Name, ReadBatch, Resolved, StatedFact, Unaddressed

__all__ = ["resolve_aliases"]

UNMATCHED = "unmatched"


def resolve_aliases(conn: psycopg.Connection[Any], read: ReadBatch, anew: Iterable[int] = ()) -> Resolved:
    """Claim the aliases that a batch tells, and find whose news the rest of it is.

    `anew` are events that are read again: under which names they came before is forgotten. Costs no statement
    for a batch without aliases. Raises psycopg.Error.
    """
    anew = list(anew)
    claimed = {
        AliasRow(kind, alias, key)
        for (kind, key), stated in read.stated_facts.items()
        for stated_fact in stated
        for alias in stated_fact.aliases
    }
    asked = {(one.kind, alias) for one in read.unaddressed for alias in one.stated_fact.aliases}
    if asked:
        aliases.ask(conn, asked, {(row.kind, row.alias) for row in claimed})
    woken = aliases.add(conn, claimed) if claimed else []
    if anew:
        aliases.forget_news(conn, anew)
    if not asked:
        return Resolved(read.stated_facts, [], woken)
    stated_facts = {name: list(stated) for name, stated in read.stated_facts.items()}
    unmatched, news = _matched(read.unaddressed, aliases.keys_by_alias(conn, asked), stated_facts)
    aliases.note_news(conn, news)
    return Resolved(stated_facts, unmatched, woken)


def _matched(
    unaddressed: Iterable[Unaddressed],
    claimed: Mapping[Name, set[str]],
    stated_facts: dict[Name, list[StatedFact]],
) -> tuple[list[QuarantineRow], list[AliasNewsRow]]:
    """Adds to `stated_facts` what has exactly one entity; what has none or several is what it falls back to,
    or else quarantined.

    What fell back is doubtful as soon as a name of it is claimed (`store.ledger.aliases`), and read anew.
    """
    unmatched: dict[int, QuarantineRow] = {}
    news: dict[tuple[int, str, str], AliasNewsRow] = {}
    for kind, stated_fact, fallback in unaddressed:
        claims = [claimed.get((kind, alias), set()) for alias in stated_fact.aliases]
        if fallback is not None:  # a name that several claim is nobody's, and another may be somebody's
            claims = [keys for keys in claims if len(keys) == 1]
        keys = set().union(*claims)
        found = next(iter(keys)) if len(keys) == 1 else fallback
        if found is not None:
            stated_facts.setdefault((kind, found), []).append(stated_fact)
        else:
            unmatched[stated_fact.seq] = _unmatched(kind, stated_fact, several=bool(keys))
        for alias in stated_fact.aliases:
            news[stated_fact.seq, kind, alias] = AliasNewsRow(stated_fact.seq, kind, alias, found)
    return list(unmatched.values()), list(news.values())


def _unmatched(kind: str, stated_fact: StatedFact, *, several: bool) -> QuarantineRow:
    detail = f"{kind} {', '.join(stated_fact.aliases)}"
    if several:
        detail += ": claimed by more than one"
    return QuarantineRow(stated_fact.seq, UNMATCHED, detail, stated_fact.callback_type, None)
