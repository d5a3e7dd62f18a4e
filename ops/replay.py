"""Replay in batches: which entities come out otherwise, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from ops.render.tables import moment, seconds
from store.db.faults import is_environmental
from store.ledger import entities, event_facts
from store.ledger.model import EntityRow
from workers.apply.model import Moved, Replayed, Tools
from workers.apply.replay import replay

__all__ = ["BATCH", "Entry", "Report", "batches", "everything", "run"]

BATCH = 500
#: Entities of which all events are read anew at once, where everything is.
ENTITIES = 200
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
        before, after = self.before, self.after
        if before is not None and before.outcome != after.outcome:
            parts.append(f"outcome {before.outcome or 'open'} → {after.outcome or 'open'}")
        if before is not None and before.review != after.review:
            parts.append(_review(before.review, after.review))
        if before is not None and before.state == after.state:
            if before.since != after.since:
                parts.append(f"since {_moment(before.since)} → {_moment(after.since)}")
            if before.deadline != after.deadline:
                parts.append(f"deadline {_moment(before.deadline)} → {_moment(after.deadline)}")
        return "; ".join(parts)


class Report(NamedTuple):
    """`entries` holds every entity that the events touch; `pending` are inbox ids that could not be read.

    `selected` is how many events were to be read anew.
    """

    entries: list[Entry]
    quarantined: int
    pending: list[int]
    selected: int


def run(
    conn: psycopg.Connection[Any],
    batches: Iterable[Sequence[int]],
    tools: Tools,
    *,
    dry_run: bool,
    advance: Callable[[int], None],
) -> Report:
    """Replay these events; `advance` hears how many are done. Raises psycopg.Error.

    Of a dry run each batch is undone by itself: what one of them would have changed for another is not seen.
    """
    entries: dict[tuple[str, str], Entry] = {}
    quarantined = selected = 0
    pending: list[int] = []
    for batch in batches:
        done = _tried(conn, batch, tools, dry_run)
        _gather(entries, done.moved)
        quarantined += done.quarantined
        pending += done.pending
        selected += len(batch)
        advance(len(batch))
    return Report([entries[name] for name in sorted(entries)], quarantined, pending, selected)


def batches(seqs: Sequence[int], *, dry_run: bool) -> Iterator[Sequence[int]]:
    """These events; for a dry run all at once."""
    size = len(seqs) if dry_run else BATCH
    for start in range(0, len(seqs), max(size, 1)):
        yield seqs[start : start + size]


def everything(conn: psycopg.Connection[Any]) -> Iterator[Sequence[int]]:
    """All that came: by entity, each with all of its events, and then what states nothing, quarantine too.

    An event that speaks of several entities is read again with each.
    """
    after = 0
    while ids := entities.entities_after(conn, after, ENTITIES):
        if seqs := event_facts.events_stating(conn, ids):
            yield seqs
        after = ids[-1]
    after = 0
    while seqs := event_facts.events_stating_nothing(conn, after, BATCH):
        yield seqs
        after = seqs[-1]


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


def _shown(row: EntityRow) -> tuple[Any, ...]:
    return row.state, row.since, row.outcome, row.review, row.deadline


def _count(number: int, what: str) -> str:
    return f"{number} fact{'' if number == 1 else 's'} {what}" if number else ""


def _moment(at: int | None) -> str:
    return (None if at is None else moment(seconds(at))) or "none"


def _review(before: str | None, after: str | None) -> str:
    if after is None:
        return "no longer under review"
    return "under review" if before is None else "another review"
