"""What the server says of itself that decides whether a 200 can be given, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

__all__ = ["ServerState", "server_state", "takes_writes", "withheld"]


class ServerState(NamedTuple):
    """As a connection like the receiver's finds it. `synchronous_commit` is what it would have without us."""

    standby: bool
    read_only: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    #: Transactions since the oldest that was not vacuumed away, in whichever database.
    unvacuumed: int


_STATE = """
SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
       current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
       current_setting('synchronous_commit'),
       (SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid))) FROM pg_database)
"""


def server_state(conn: psycopg.Connection[Any]) -> ServerState:
    """Raises psycopg.Error."""
    return ServerState._make(conn.execute(_STATE).fetchall()[0])


def takes_writes(conn: psycopg.Connection[Any]) -> bool:
    """Whether it gives a transaction the number that a write needs. Raises psycopg.Error otherwise."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("SELECT pg_current_xact_id()")
    except psycopg.errors.ProgramLimitExceeded:
        return False
    return True


_WITHHELD = """
SELECT name FROM unnest(%s::text[]) AS t (name) WHERE EXISTS (
    SELECT FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS r (needed)
    WHERE NOT has_table_privilege(name, needed)
)
"""


def withheld(conn: psycopg.Connection[Any], tables: Sequence[str]) -> list[str]:
    """Those of `tables`, all of which are there, that this role may not write to. Raises psycopg.Error."""
    return [name for (name,) in conn.execute(_WITHHELD, (list(tables),)).fetchall()]
