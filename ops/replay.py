"""Replay in batches: which entities come out otherwise, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db.faults import is_environmental
from store.ledger.model import EntityRow
from workers.apply.model import Moved, Replayed, Tools
from workers.apply.replay import replay

__all__ = ["BATCH", "Entry", "Report", "run"]

BATCH = 500
_TRIES = 3


class Entry(NamedTuple):
    """What a replay makes of one entity. `before` is None when it did not exist."""

    before: EntityRow | None
    after: EntityRow
    added: int
    withdrawn: int

    @property
    def changed(self) -> bool:
        return self.before is None or _shown(self.before) != _shown(self.after)

    @property
    def why(self) -> str:
        """What happened to its facts, then what differs besides the state."""
        facts = [_count(self.added, "added"), _count(self.withdrawn, "withdrawn")]
        parts = [", ".join(filter(None, facts)) or "refolded"]
        before = self.before
        if before is not None and before.outcome != self.after.outcome:
            parts.append(f"outcome {before.outcome or 'open'} → {self.after.outcome or 'open'}")
        if before is not None and before.review != self.after.review:
            parts.append(_review(before.review, self.after.review))
        return "; ".join(parts)


class Report(NamedTuple):
    """`entries` holds every entity that the events touch; `pending` are inbox ids that could not be read."""

    entries: list[Entry]
    quarantined: int
    pending: list[int]


def run(
    conn: psycopg.Connection[Any],
    seqs: Sequence[int],
    tools: Tools,
    *,
    dry_run: bool,
    advance: Callable[[int], None],
) -> Report:
    """Replay these events; `advance` hears how many are done. Raises psycopg.Error.

    A dry run is one batch: it is undone at its end, so that a second one would not know what the first one
    would have changed.
    """
    entries: dict[tuple[str, str], Entry] = {}
    quarantined = 0
    pending: list[int] = []
    for batch in _batches(seqs, len(seqs) if dry_run else BATCH):
        done = _tried(conn, batch, tools, dry_run)
        _gather(entries, done.moved)
        quarantined += done.quarantined
        pending += done.pending
        advance(len(batch))
    return Report([entries[name] for name in sorted(entries)], quarantined, pending)


def _batches(seqs: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(seqs), max(size, 1)):
        yield seqs[start : start + size]


def _tried(conn: psycopg.Connection[Any], batch: Sequence[int], tools: Tools, dry_run: bool) -> Replayed:
    """One batch, again when it was a deadlock's victim or waited too long for a busy worker's locks."""
    for left in range(_TRIES - 1, -1, -1):
        try:
            return replay(conn, batch, tools, dry_run=dry_run)
        except psycopg.Error as error:
            if not left or conn.closed or not is_environmental(error):
                raise
    raise AssertionError("the last try returns or raises")


def _gather(entries: dict[tuple[str, str], Entry], moved: Iterable[Moved]) -> None:
    for before, change, known, _ in moved:
        after = change.entity
        added, withdrawn = len(change.inserted), len(change.deleted)
        earlier = entries.get((after.kind, after.key))
        if earlier is None:
            entry = Entry(before if known else None, after, added, withdrawn)
        else:
            entry = Entry(earlier.before, after, earlier.added + added, earlier.withdrawn + withdrawn)
        entries[after.kind, after.key] = entry


def _shown(row: EntityRow) -> tuple[str, str | None, str | None]:
    return row.state, row.outcome, row.review


def _count(number: int, what: str) -> str:
    return f"{number} fact{'' if number == 1 else 's'} {what}" if number else ""


def _review(before: str | None, after: str | None) -> str:
    if after is None:
        return "no longer under review"
    return "under review" if before is None else "another review"
