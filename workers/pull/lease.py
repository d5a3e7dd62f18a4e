"""One run under a stream's lease, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psycopg

from errors import describe
from partners.faults import CallFailed
from store.pulls import cursors, leases
from store.pulls.leases import LeaseLost, Stream
from workers.pull.rate_gate import NotNow
from workers.pull.run import Report, Run

__all__ = ["LEFT_ALONE", "LeasedRun", "run_leased"]

#: What a stream's trouble is while the circuit is open.
LEFT_ALONE = "the partner is left alone for a while, after failures"


class LeasedRun:
    """A leased stream during a run; `stream` is as the last write left it."""

    def __init__(self, run: Run, report: Report, stream: Stream) -> None:
        self.run = run
        self.report = report
        self.stream = stream

    def refused(self, kind: str, key: str, failure: CallFailed) -> None:
        """Note that this one was not given, in a transaction of the caller's or alone. Raises LeaseLost."""
        self.stream = cursors.note_refusal(self.run.conn, self.stream, f"{kind} {key}: {failure.found}")
        self.report.refused += 1

    def trouble(self, text: str) -> None:
        self.report.trouble = text
        with suppress(LeaseLost):  # whoever has it says how it is
            cursors.note_trouble(self.run.conn, self.stream, text)


def run_leased(run: Run, name: str, work: Callable[[LeasedRun], None]) -> Report:
    """Do `work` under the lease of a stream, and tell what it came to. Raises psycopg.Error and ours."""
    report = Report(name)
    stream = leases.lease(run.conn, run.partner, name, run.holder)
    if stream is None:
        report.busy = True
        return report
    leased = LeasedRun(run, report, stream)
    try:
        work(leased)
    except LeaseLost:
        report.busy = True
    except NotNow as refused:
        report.wait = refused.wait
        if refused.why == "circuit":
            leased.trouble(LEFT_ALONE)
    except CallFailed as failure:
        leased.trouble(str(failure))
    except psycopg.Error:
        raise
    except Exception as error:
        # The stream stays where it is: whoever looks at it has to see that this is no fault of the partner's.
        with suppress(psycopg.Error):
            leased.trouble(f"{cursors.DEFECT}: {describe(error)}")
        raise
    finally:
        with suppress(psycopg.Error):  # then its time runs out
            leases.release(run.conn, stream, report.rest)
    return report
