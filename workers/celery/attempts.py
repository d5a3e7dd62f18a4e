"""Attempts: a hint's events are applied together, and when that fails in ever smaller parts.

What an attempt costs, and whose fault a failure is, docs/decisions/0007 says.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain

from errors import describe
from store.db.faults import is_environmental, is_one_rows
from store.inbox import queue
from store.ledger import rechecks
from workers.apply.batch import apply_queued, apply_rechecks
from workers.apply.model import Applied
from workers.celery.hints import HINT_IDS, cut, send_all
from workers.celery.runtime import Runtime

__all__ = ["attempt"]

log = logging.getLogger("rxledger.worker")

#: A hint of so many ids comes out of a backlog: others like it wait behind it.
BACKLOG_IDS = 300
#: A batch that fails is tried again in parts of so many.
PART_IDS = 50
#: In a backlog rechecks wait until so many have gathered.
RECHECKS_TOGETHER = 240


def attempt(worker: Runtime, ids: Sequence[int], *, swept: bool) -> None:
    """Apply a batch; when that fails, in ever smaller parts, so that one event holds back no other.

    What fails through the environment's fault gives its counted attempt back and waits for its lease.
    """
    worker.retry_refunds()
    counted: dict[int, int] = {}
    if swept:
        attempts = worker.run(partial(queue.next_attempts, seqs=ids))
        ids = worker.run(partial(queue.count_attempts, attempts=attempts))
        counted = {seq: attempts[seq] for seq in ids}
    while ids:
        try:
            done = _apply(worker, ids, swept=swept)
        except Exception as error:
            if is_environmental(error) and not is_one_rows(error):
                worker.refund(counted)
                raise
            log.error("a batch of %d could not be applied: %s", len(ids), describe(error))
            _in_parts(worker, ids, counted)
            return
        if done.woken:
            _hint(done.woken)
        if done.keyless:
            log.error("%d events are sealed under a key that RXLEDGER_SEAL_KEYS lacks", len(done.keyless))
        ids = done.left


def _hint(ids: Sequence[int]) -> None:
    """Hint these, which are due at once: the sweeper finds them when the broker takes no hint now."""
    try:
        send_all(ids, swept=False)
    except Exception as error:
        log.warning("no hint of %d events: %s", len(ids), describe(error))


def _apply(worker: Runtime, ids: Sequence[int], *, swept: bool) -> Applied:
    """Copies, then at once the rechecks that follow from them; a swept hint may hold rechecks too.

    What keeps a recheck from being applied here leaves it queued, for the sweeper.
    """
    done = worker.run(partial(apply_queued, seqs=ids, tools=worker.tools))
    backlog = len(ids) >= BACKLOG_IDS and not swept
    if not backlog:
        _apply_rechecks(worker, [*done.rechecks, *(ids if swept else ())])
    if backlog or (worker.rechecks_left and not swept):  # the last hint of a backlog may be a small one
        worker.rechecks_left = _apply_gathered_rechecks(worker)
    return done


def _apply_rechecks(worker: Runtime, due: Sequence[int]) -> None:
    """Apply these rechecks, and those that follow from them."""
    while due:
        due = worker.run(partial(apply_rechecks, seqs=due, tools=worker.tools)).rechecks


def _apply_gathered_rechecks(worker: Runtime) -> bool:
    """Out of a backlog, apply many rechecks together, or the rest at its end; whether some wait on.

    After each batch they would wait for entities that another worker's batch holds, for half of its time. The
    last of the workers to COMMIT sees that nothing but rechecks is left, whichever of them queued those. They
    are other batches' too, so what fails is no fault of this one, and left to the sweeper.
    """
    waiting = worker.run(partial(rechecks.queued, limit=HINT_IDS))
    if not waiting.alone and len(waiting.seqs) < RECHECKS_TOGETHER:
        return bool(waiting.seqs)
    try:
        _apply_rechecks(worker, waiting.seqs)
    except Exception as error:
        if is_environmental(error) and not is_one_rows(error):
            raise
        log.error("%d rechecks could not be applied: %s", len(waiting.seqs), describe(error))
        worker.drop()
    return False


def _in_parts(worker: Runtime, ids: Sequence[int], counted: Mapping[int, int]) -> None:
    """Parts first, and only the events of those that fail one by one: most of a large batch is innocent."""
    parts = deque(cut(ids, PART_IDS if len(ids) > PART_IDS else 1))
    while parts:
        part = parts.popleft()
        try:
            _apply(worker, part, swept=True)
        except Exception as error:
            blameless = is_environmental(error)
            if blameless and not is_one_rows(error):
                left = {*part, *chain.from_iterable(parts)}
                worker.refund({seq: number for seq, number in counted.items() if seq in left})
                raise
            if not blameless:
                worker.drop()
            if len(part) > 1:
                parts.extendleft(reversed(cut(part, 1)))
                continue
            (seq,) = part
            log.error("event %d could not be applied: %s", seq, describe(error))
            if blameless:
                worker.refund({seq: counted[seq]} if seq in counted else {})
            else:
                worker.run(partial(queue.note_error, seq=seq, error=describe(error)))
