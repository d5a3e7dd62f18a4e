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
from workers.apply.model import Name, ReadBatch, Resolved, Statement, Unaddressed

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
        for (kind, key), stated in read.statements.items()
        for statement in stated
        for alias in statement.aliases
    }
    asked = {(one.kind, alias) for one in read.unaddressed for alias in one.statement.aliases}
    if asked:
        aliases.ask(conn, asked, {(row.kind, row.alias) for row in claimed})
    woken = aliases.add(conn, claimed) if claimed else []
    if anew:
        aliases.forget_news(conn, anew)
    if not asked:
        return Resolved(read.statements, [], woken)
    statements = {name: list(stated) for name, stated in read.statements.items()}
    unmatched, news = _matched(read.unaddressed, aliases.keys_by_alias(conn, asked), statements)
    aliases.note_news(conn, news)
    return Resolved(statements, unmatched, woken)


def _matched(
    unaddressed: Iterable[Unaddressed],
    claimed: Mapping[Name, set[str]],
    statements: dict[Name, list[Statement]],
) -> tuple[list[QuarantineRow], list[AliasNewsRow]]:
    """Adds to `statements` what has exactly one entity; what has none or several is quarantined."""
    unmatched: dict[int, QuarantineRow] = {}
    news: dict[tuple[int, str, str], AliasNewsRow] = {}
    for kind, statement in unaddressed:
        keys = {key for alias in statement.aliases for key in claimed.get((kind, alias), ())}
        found = keys.pop() if len(keys) == 1 else None
        if found is not None:
            statements.setdefault((kind, found), []).append(statement)
        else:
            unmatched[statement.seq] = _unmatched(kind, statement, several=bool(keys))
        for alias in statement.aliases:
            news[statement.seq, kind, alias] = AliasNewsRow(statement.seq, kind, alias, found)
    return list(unmatched.values()), list(news.values())


def _unmatched(kind: str, statement: Statement, *, several: bool) -> QuarantineRow:
    detail = f"{kind} {', '.join(statement.aliases)}"
    if several:
        detail += ": claimed by more than one"
    return QuarantineRow(statement.seq, UNMATCHED, detail, statement.callback_type, None)
