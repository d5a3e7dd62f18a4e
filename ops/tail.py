"""The feed of changes as it grows: read again and again behind the last cursor."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings import Database
    from store.ledger.feed import Change

__all__ = ["Tail", "print_change"]

#: At most so many changes a look, so that a long feed is printed from its start on and not from its end.
_AT_ONCE = 1_000


class Tail:
    """A reader of the feed behind `after`, or behind its newest change. Raises psycopg.Error."""

    def __init__(self, database: Database | str, after: int | None = None) -> None:
        self._database = database
        self._after = after
        self._stack = ExitStack()

    def __enter__(self) -> Tail:
        from store.db.connections import connect
        from store.ledger import feed

        self._conn = self._stack.enter_context(connect(self._database, "ops"))
        if self._after is None:
            feed.place(self._conn)
            self._after = feed.newest(self._conn)
        return self

    def look(self) -> list[Change]:
        """What came since the last look, in the order of the feed."""
        from store.ledger import feed

        feed.place(self._conn)
        found = feed.read(self._conn, self._after or 0, _AT_ONCE)
        if found:
            self._after = found[-1].cursor
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def print_change(change: Change) -> None:
    """One line on stdout."""
    from ops.render.console import screen
    from ops.render.tables import cell, moment

    line = f"{moment(change.changed_at)}  {change.kind} {change.key}  "
    line += f"{change.before or '(new)'} → {change.after}"
    line += f" ({change.outcome})" if change.outcome else ""
    screen.print(cell(line + (f"  {change.review}" if change.review else ""), ""), soft_wrap=True)
