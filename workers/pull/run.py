"""What every run of a stream is given, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from workers.apply.model import Tools
from workers.pull.page_buffer import StoringThread

__all__ = ["Report", "Run"]


@dataclass
class Report:
    """What a run came to. `wait`: it can go on after so many seconds. `trouble`: why it could not.

    `events` were read, of which nobody can tell whose the `unidentified` are. `refused`: how many single
    things the partner did not give, which ends no run.
    """

    stream: str
    pages: int = 0
    events: int = 0
    stored: int = 0
    unidentified: int = 0
    refused: int = 0
    finished: bool = False
    busy: bool = False
    wait: float | None = None
    trouble: str | None = None

    @property
    def rest(self) -> float:
        """How long nobody need try: this run will be gone on with then."""
        return self.wait or 0.0 if self.trouble is None else 0.0


@dataclass(frozen=True)
class Run:
    """What every run needs. `hint` is told what is new after its COMMIT; `over` says when to end.

    `tell` hears of each page that is stored. `overlap` and `quiet` are seconds. `as_of` asks about
    requests that had news up to then without waiting until they are quiet. `storing_thread` gives where pages
    may be stored while the next ones are fetched. `skew`: by how many seconds the partner's clock is ahead of
    ours, less than 0 where it is behind; 0 where they agree within a minute, or nothing is known of it.
    `partner` is who is asked, and not about what one of `others` has spoken of.
    """

    conn: psycopg.Connection[Any]
    tools: Tools
    holder: str
    overlap: int = 3600
    quiet: float = 3600.0
    hint: Callable[[Sequence[int]], None] = lambda _: None
    over: Callable[[], bool] = lambda: False
    tell: Callable[[Report], None] = lambda _: None
    as_of: datetime | None = None
    storing_thread: Callable[[], StoringThread] | None = None
    skew: Callable[[], float] = lambda: 0.0
    partner: str = "truepill"
    others: tuple[str, ...] = ()
