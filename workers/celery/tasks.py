"""The tasks. Arguments are inbox ids, results are ignored, an error leaves as `TaskFailed`."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from errors import describe
from settings import Settings
from store.db import partitions as partition_store
from store.db.connections import connect
from store.db.faults import is_environmental, is_one_rows
from store.inbox import queue
from store.inbox.quarantine import dead_letter, requeue_early
from store.ledger import aliases
from workers.apply.join_registered import join_left
from workers.apply.reread import reread
from workers.celery.app import app
from workers.celery.attempts import attempt
from workers.celery.errors import sanitized_errors
from workers.celery.hints import HintPublisher, cut, send, send_all
from workers.celery.runtime import Runtime, runtime
from workers.reports import silence
from workers.reports.callback_types import callback_types
from workers.reports.pull_reach import recordings

if TYPE_CHECKING:
    from workers.pull.puller import Puller
    from workers.pull.run import Report

__all__ = ["apply", "count_losses", "partitions", "pull", "sweep", "watch"]

log = logging.getLogger("rxledger.worker")

#: How many overdue events one sweep hints: ten hints, and the next sweep is five seconds away.
SWEEP_LIMIT = 20_000
#: A pull ends between two pages after so many seconds, and another goes on: others want the process too.
PULL_SECONDS = 60.0
#: Longer waits for the partner are not waited for here.
PULL_PATIENCE = 2.0
#: The loss ledger's days are counted again for about so long at a time.
LOSSES_SECONDS = 10.0
#: How many events whose entity has become doubtful one sweep reads anew, and how many of them together.
DOUBTFUL_LIMIT, REREAD_TOGETHER = 2000, 100


@app.task(name="rxledger.apply")
def apply(ids: Sequence[int], swept: bool = False) -> None:
    """Apply these inbox ids. `swept`: their lease had passed, so the attempt is counted first."""
    with sanitized_errors():
        attempt(runtime(), ids, swept=swept)


@app.task(name="rxledger.sweep")
def sweep() -> None:
    """Hint what is overdue, bury what is poison, queue again what was early, read anew what is doubtful, and
    join what goes by two names.
    """
    with sanitized_errors():
        worker = runtime()
        worker.retry_refunds()
        buried = worker.run(dead_letter)
        if buried:
            log.error("buried %d events after %d attempts alone", len(buried), queue.SOLO_ATTEMPTS)
        early = worker.run(partial(requeue_early, limit=SWEEP_LIMIT))
        due = worker.run(partial(queue.sweep, limit=SWEEP_LIMIT))
        send_all(early, swept=False)
        send_all([d.seq for d in due if not d.alone], swept=True)
        for d in due:
            if d.alone:
                send([d.seq], swept=True)
        reconsider(worker)
        worker.run(join_left)


def reconsider(worker: Runtime) -> None:
    """Read anew the events that were taken for an entity whose name another has claimed since.

    Many together, and one by one where that fails, so that one holds back no other; what fails is tried again
    by the next sweep.
    """
    parts = deque(cut(worker.run(partial(aliases.stale_news, limit=DOUBTFUL_LIMIT)), REREAD_TOGETHER))
    while parts:
        part = parts.popleft()
        try:
            worker.run(partial(reread, seqs=part, tools=worker.tools))
        except Exception as error:
            if is_environmental(error) and not is_one_rows(error):
                raise
            if len(part) > 1:
                parts.extendleft(cut(part, 1))
                continue
            log.error("event %d could not be read anew: %s", part[0], describe(error))


@app.task(name="rxledger.partitions")
def partitions() -> None:
    """Keep the months ahead partitioned."""
    with sanitized_errors():
        made = runtime().run(partition_store.ensure)
        if made:
            log.info("made partitions %s", ", ".join(made))


@app.task(name="rxledger.watch")
def watch() -> None:
    """Learn how often partners push, and take the figures of what is silent."""
    with sanitized_errors():
        worker = runtime()
        recorded = recordings(callback_types(worker.settings.partner_folders))
        worker.run(
            partial(
                silence.watch,
                now=worker.tools.clock(),
                settings=worker.settings.silence,
                recorded=recorded,
            )
        )


@app.task(name="rxledger.losses")
def count_losses() -> None:
    """Count the last days of the loss ledger again, for scrapes and `doctor`."""
    from workers.reports.loss_days import recount

    with sanitized_errors():
        worker = runtime()
        types = callback_types(worker.settings.partner_folders)
        overlap = worker.settings.pull.overlap
        worker.run(partial(recount, overlap=overlap, types=types, seconds=LOSSES_SECONDS))


# The partner may take minutes over a page, and its pages hold no lock meanwhile.
@app.task(name="rxledger.pull", soft_time_limit=840, time_limit=900)
def pull(stream: str | None = None) -> None:
    """Fetch what was missed: of one stream for a while; without a stream, have each run of each partner."""
    from workers.pull.puller import full_name, partner_of, pulled_partners  # with an HTTP client

    with sanitized_errors():
        worker = runtime()
        partners = pulled_partners(worker.settings)
        if stream is None:
            for partner in partners:
                with puller(worker, partner) as source:
                    for name in source.names():
                        pull_later(worker.settings, full_name(partner, name))
            return
        partner, name = partner_of(worker.settings, stream)
        if partner not in partners:
            return
        ends = time.monotonic() + PULL_SECONDS
        with puller(worker, partner) as source:
            report = source.pull(name, over=lambda: time.monotonic() > ends)
        continue_pull(worker.settings, stream, report)


@contextmanager
def puller(worker: Runtime, partner: str) -> Iterator[Puller]:
    """Of one partner, over a connection of its own."""
    from workers.pull.puller import Puller

    with (
        connect(worker.settings.database, "pull") as conn,
        # Gathered over pages where these come quickly; and a broker that is away ends no pull.
        HintPublisher() as hints,
        Puller(
            worker.settings,
            conn,
            worker.tools,
            patience=PULL_PATIENCE,
            hint=hints.publish,
            partner=partner,
        ) as source,
    ):
        yield source


def continue_pull(settings: Settings, stream: str, report: Report) -> None:
    """Say how a run ended, and have another go on with what is left."""
    if report.trouble is not None:
        log.warning("pull of %s: %s", stream, report.trouble)
    elif not report.finished and not report.busy:
        # A moment later than others may start, so that it is not one of them that finds it busy.
        pull_later(settings, stream, report.wait + 1.0 if report.wait else 0.0)


def pull_later(settings: Settings, stream: str, wait: float = 0.0) -> None:
    """Have a stream run after so many seconds. When that is lost, the next beat comes."""
    options = {"expires": wait + settings.pull.every, "countdown": wait}
    app.send_task("rxledger.pull", args=(stream,), ignore_result=True, **options)
