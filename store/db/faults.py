"""Whose fault an error of the database is: the environment's, a lock's on one row, or an event's own."""

from __future__ import annotations

import psycopg

__all__ = ["is_environmental", "is_one_rows"]

# Data exceptions, violated constraints, limits exceeded, and what a trigger raises: a row's fault. Everything
# else (connections, locks, timeouts, disks, a schema that is behind, missing grants) would hit any row.
BLAMES_A_ROW = ("21", "22", "23", "54", "P0")
# Where the server raises a limit's code since it has no number left for a transaction: no row can be written
# until it is vacuumed. Told by the function's name, since the text may be in any language.
NO_NUMBER_LEFT = frozenset({"GetNewTransactionId", "GetNewMultiXactId"})


def is_environmental(error: BaseException) -> bool:
    """Whether an error is the environment's fault: worth a retry, and never an event's poison."""
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return not error.sqlstate.startswith(BLAMES_A_ROW) or error.diag.source_function in NO_NUMBER_LEFT


def is_one_rows(error: BaseException) -> bool:
    """Whether a lock or a time limit stopped it: what shares no row with the one that waits need not wait."""
    return isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled)
