"""Which entity a batch's news is about, where only another name of it is given (D13).

Every alias that the batch itself tells is claimed first, so that the order within a batch means nothing. All
of it is done before any entity is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psycopg

from store.ledger import aliases
from store.ledger.aliases import Claim, NewsRow
from store.ledger.entities import Held
from workers.apply.plan import Statement
from workers.apply.read import Nameless, Understood

__all__ = ["Named", "name_all"]

UNMATCHED = "unmatched"
Name = tuple[str, str]
Statements = dict[tuple[str, str], list[Statement]]


class Named(NamedTuple):
    """A batch, each statement by its entity: `held` are events that have none.

    `woken` are others, queued again since they waited for a name that this batch tells.
    """

    statements: Statements
    held: list[Held]
    woken: list[int]


def name_all(conn: psycopg.Connection[Any], read: Understood, anew: Iterable[int] = ()) -> Named:
    """Claim the aliases that a batch tells, and find whose news the rest of it is.

    `anew` are events that are read again: under which names they came before is forgotten. Costs no statement
    for a batch without aliases. Raises psycopg.Error.
    """
    anew = list(anew)
    told = {
        Claim(kind, alias, key)
        for (kind, key), stated in read.statements.items()
        for statement in stated
        for alias in statement.aliases
    }
    asked = {(one.kind, alias) for one in read.nameless for alias in one.statement.aliases}
    if asked:
        aliases.ask(conn, asked, {(claim.kind, claim.alias) for claim in told})
    woken = aliases.add(conn, told) if told else []
    if anew:
        aliases.forget_news(conn, anew)
    if not asked:
        return Named(read.statements, [], woken)
    statements = {name: list(stated) for name, stated in read.statements.items()}
    held, news = _matched(read.nameless, aliases.claims(conn, asked), statements)
    aliases.note_news(conn, news)
    return Named(statements, held, woken)


def _matched(
    nameless: Iterable[Nameless], claims: Mapping[Name, set[str]], statements: Statements
) -> tuple[list[Held], list[NewsRow]]:
    """Adds to `statements` what has exactly one entity; what has none or several is held."""
    held: dict[int, Held] = {}
    news: dict[tuple[int, str, str], NewsRow] = {}
    for kind, statement in nameless:
        keys = {key for alias in statement.aliases for key in claims.get((kind, alias), ())}
        found = keys.pop() if len(keys) == 1 else None
        if found is not None:
            statements.setdefault((kind, found), []).append(statement)
        else:
            held[statement.seq] = _held(kind, statement, several=bool(keys))
        for alias in statement.aliases:
            news[statement.seq, kind, alias] = NewsRow(statement.seq, kind, alias, found)
    return list(held.values()), list(news.values())


def _held(kind: str, statement: Statement, *, several: bool) -> Held:
    detail = f"{kind} {', '.join(statement.aliases)}"
    if several:
        detail += ": claimed by more than one"
    return Held(statement.seq, UNMATCHED, detail, statement.callback_type, None)
