"""The checks of `doctor` about pulls: the key, the partner's answers, and each stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from ops.doctor.checks import Check
from ops.doctor.partner_clock import partner_clock
from ops.render.tables import age
from settings import Settings
from store.pulls.cursors import DEFECT
from store.pulls.surfaces import is_operator
from store.reports import figures, pull_figures, queries
from store.reports.pull_figures import Circuit, StreamFigures

__all__ = ["pulls"]

PARTNER = "truepill"
#: A stream that was not read for so many rounds is not being read.
ROUNDS = 4
#: What is asked about is asked about once a day at least, so what was refused longer ago is so no more.
REFUSED_SECONDS = 86_400.0
_REFUSED_TODO = (
    "The partner does not know it under our key: it may be of another account or environment, or too old, "
    "and is then silent for ever. If all are, check RXLEDGER_TRUEPILL_BASE_URL."
)
_OPERATOR_TODO = (
    'Ask the partner which operators of "Query Operators" it takes. $gt and $gte stand in for each other: '
    "nothing is missed as long as the stream has no trouble."
)
_TODO = {
    "it takes neither": _OPERATOR_TODO,
    "401": "Correct RXLEDGER_TRUEPILL_API_KEY.",
    "403": "Correct RXLEDGER_TRUEPILL_API_KEY, or ask the partner what it may read.",
    "404": "Check RXLEDGER_TRUEPILL_BASE_URL, and what the partner offers.",
    "429": "Lower RXLEDGER_TRUEPILL_CALLS_PER_MINUTE to what the partner allows.",
    "redirect": "Set RXLEDGER_TRUEPILL_BASE_URL to where the partner is now.",
    "HTML": "No API answers so: check RXLEDGER_TRUEPILL_BASE_URL and proxies; else tell the partner.",
    DEFECT: "Report this line: the page is the partner's as documented, and is asked for again meanwhile.",
}
_THEIRS = "Tell the partner if it lasts; pulls go on by themselves when it answers."


def pulls(settings: Settings) -> Iterator[Check]:
    """Whether pulls are on, how the partner answers, and whether each stream is read."""
    if settings.partner(PARTNER).api_key is None:
        todo = "Set RXLEDGER_TRUEPILL_API_KEY to the partner's API key."
        text = "pulls are off: what the partner fails to push is never heard of"
        yield Check("pulls", "warn", text, todo)
        return
    if settings.database_url is None:
        yield Check("pulls", "ok", "the partner's API key is set")
        return
    try:
        with queries.snapshot(settings.database) as conn:
            now = figures.server_time(conn)
            streams = pull_figures.stream_figures(conn, PARTNER)
            called = [row for row in pull_figures.circuits(conn) if row.partner == PARTNER]
            beyond = pull_figures.offered(conn, PARTNER)
    except SQLAlchemyError:  # the checks of the database say what is wrong with it
        yield Check("pulls", "ok", "the partner's API key is set")
        return
    yield _key(streams, {name: there for name, there in beyond.items() if not is_operator(name)})
    yield from (_operator(name) for name, taken in beyond.items() if is_operator(name) and not taken)
    for circuit in called:
        yield _circuit(circuit, now)
        yield from partner_clock(circuit, settings)
    for stream in streams:
        yield _stream(stream, now, settings.pull.every)
        yield from _refused(stream, now)


def _key(streams: list[StreamFigures], beyond: dict[str, bool]) -> Check:
    if not streams:
        todo = "Beat has them run by itself; `rxledger pull` does it now."
        return Check("pulls", "ok", "the partner's API key is set; nothing was pulled yet", todo)
    found = [f"{name} {'is' if there else 'is not'} offered" for name, there in beyond.items()]
    return Check("pulls", "ok", "; ".join(["the partner's API key is set", *found]))


def _operator(name: str) -> Check:
    """A refused operator: `$gt` and `$gte` stand in for each other, so a stream may go on all the same."""
    text = f"the partner refuses {name}"
    return Check("query operators", "warn", text, _OPERATOR_TODO)


def _circuit(found: Circuit, now: datetime) -> Check:
    name = f"calls to {found.partner}"
    if found.open_until is not None:
        left = (found.open_until - now).total_seconds()
        then = f"the next try in {age(left)}" if left > 0 else "the next call is a try"
        failures = "1 failure" if found.failures == 1 else f"{found.failures} failures"
        text = f"{found.trouble}; {failures} in a row, {then}"
        return Check(name, "fail", text, _todo(found.trouble))
    if found.paused_until is not None and found.paused_until > now:
        text = f"{found.trouble}; no call for {age((found.paused_until - now).total_seconds())}"
        return Check(name, "warn", text, _todo(found.trouble))
    if found.failures:
        return Check(name, "warn", f"{found.trouble}", _todo(found.trouble))
    return Check(name, "ok", "the partner answers")


def _stream(found: StreamFigures, now: datetime, every: float) -> Check:
    name = f"stream {found.name}"
    if found.trouble is not None and found.trouble_at is not None:
        since = age((now - found.trouble_at).total_seconds())
        return Check(name, "warn", f"{found.trouble}, {since} ago", _todo(found.trouble))
    quiet = (now - found.read_at).total_seconds() if found.read_at else None
    # Only what is read by time is read in every round.
    if found.watermark is not None and quiet is not None and quiet > ROUNDS * every and not found.running:
        todo = "Start one `rxledger beat` and a worker, or run `rxledger pull`."
        return Check(name, "warn", f"it was last read {age(quiet)} ago", todo)
    more = ", the rest is still to be read" if found.unfinished else ""
    return Check(name, "ok", f"{found.seen:,} events in {found.pages:,} pages, {found.stored:,} new{more}")


def _refused(found: StreamFigures, now: datetime) -> Iterator[Check]:
    """Single things that were not given lately: they end no run, so no other line tells of them."""
    if found.refused_at is None:
        return
    since = (now - found.refused_at).total_seconds()
    if since <= REFUSED_SECONDS:
        times = "once" if found.refused == 1 else f"{found.refused:,} times"
        text = f"{times} so far, the last one {age(since)} ago: {found.refusal}"
        yield Check(f"refused in {found.name}", "warn", text, _REFUSED_TODO)


def _todo(trouble: str | None) -> str:
    return next((todo for sign, todo in _TODO.items() if sign in (trouble or "")), _THEIRS)
