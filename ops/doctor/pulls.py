"""The checks of `doctor` about pulls, for each partner: the key, its answers, and each stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from ops.doctor.checks import Check
from ops.doctor.partner_clock import partner_clock
from ops.render.tables import age
from partners.registry import partners_of
from settings import PartnerSettings, Settings
from store.pulls.cursors import DEFECT
from store.pulls.surfaces import is_operator
from store.reports import figures, pull_figures, queries
from store.reports.pull_figures import Circuit, StreamFigures

__all__ = ["pulls"]

#: Whose streams are called by their names alone.
PHARMACY = "truepill"
#: A stream that was not read for so many rounds is not being read.
ROUNDS = 4
#: What is asked about is asked about once a day at least, so what was refused longer ago is so no more.
REFUSED_SECONDS = 86_400.0
_REFUSED_TODO = (
    "The partner does not know it under our key: it may be of another account or environment, or too old, "
    "and is then silent for ever. If all are, check {prefix}_BASE_URL."
)
_OPERATOR_TODO = (
    'Ask the partner which operators of "Query Operators" it takes. $gt and $gte stand in for each other: '
    "nothing is missed as long as the stream has no trouble."
)
_TODO = {
    "it takes neither": _OPERATOR_TODO,
    "401": "Correct {prefix}_API_KEY.",
    "403": "Correct {prefix}_API_KEY, or ask the partner what it may read.",
    "404": "Check {prefix}_BASE_URL, and what the partner offers.",
    "429": "Lower {prefix}_CALLS_PER_MINUTE to what the partner allows.",
    "redirect": "Set {prefix}_BASE_URL to where the partner is now.",
    "HTML": "No API answers so: check {prefix}_BASE_URL and proxies; else tell the partner.",
    DEFECT: "Report this line: the page is the partner's as documented, and is asked for again meanwhile.",
}
_THEIRS = "Tell the partner if it lasts; pulls go on by themselves when it answers."


def pulls(settings: Settings) -> Iterator[Check]:
    """Whether pulls are on, how each partner answers, and whether each stream is read."""
    known = partners_of(settings.partner_folders)
    for partner in sorted(settings.partners, key=lambda one: (one.name != PHARMACY, one.name)):
        if partner.name == PHARMACY or known[partner.name].reads is not None:
            yield from _of_partner(settings, partner)


def _of_partner(settings: Settings, partner: PartnerSettings) -> Iterator[Check]:
    name = "pulls" if partner.name == PHARMACY else f"pulls of {partner.name}"
    if partner.api_key is None:
        if partner.name == PHARMACY or partner.has_secret:  # others a customer may not have
            todo = f"Set RXLEDGER_{partner.name.upper()}_API_KEY to the partner's API key."
            text = "pulls are off: what the partner fails to push is never heard of"
            yield Check(name, "warn", text, todo)
        return
    if settings.database_url is None:
        yield Check(name, "ok", "the partner's API key is set")
        return
    try:
        with queries.snapshot(settings.database) as conn:
            now = figures.server_time(conn)
            streams = pull_figures.stream_figures(conn, partner.name)
            called = [row for row in pull_figures.circuits(conn) if row.partner == partner.name]
            beyond = pull_figures.offered(conn, partner.name)
    except SQLAlchemyError:  # the checks of the database say what is wrong with it
        yield Check(name, "ok", "the partner's API key is set")
        return
    yield _key(name, streams, {name: there for name, there in beyond.items() if not is_operator(name)})
    yield from (_operator(name) for name, taken in beyond.items() if is_operator(name) and not taken)
    for circuit in called:
        yield _circuit(circuit, now)
        yield from partner_clock(circuit, settings)
    for stream in streams:
        yield _stream(partner.name, stream, now, settings.pull.every)
        yield from _refused(partner.name, stream, now)


def _key(check: str, streams: list[StreamFigures], beyond: dict[str, bool]) -> Check:
    if not streams:
        todo = "Beat has them run by itself; `rxledger pull` does it now."
        return Check(check, "ok", "the partner's API key is set; nothing was pulled yet", todo)
    found = [f"{name} {'is' if there else 'is not'} offered" for name, there in beyond.items()]
    return Check(check, "ok", "; ".join(["the partner's API key is set", *found]))


def _operator(name: str) -> Check:
    """A refused operator: `$gt` and `$gte` stand in for each other, so a stream may go on all the same."""
    text = f"the partner refuses {name}"
    return Check("query operators", "warn", text, _OPERATOR_TODO)


def _circuit(found: Circuit, now: datetime) -> Check:
    partner = found.partner
    name = f"calls to {partner}"
    if found.open_until is not None:
        left = (found.open_until - now).total_seconds()
        then = f"the next try in {age(left)}" if left > 0 else "the next call is a try"
        failures = "1 failure" if found.failures == 1 else f"{found.failures} failures"
        text = f"{found.trouble}; {failures} in a row, {then}"
        return Check(name, "fail", text, _todo(partner, found.trouble))
    if found.paused_until is not None and found.paused_until > now:
        text = f"{found.trouble}; no call for {age((found.paused_until - now).total_seconds())}"
        return Check(name, "warn", text, _todo(partner, found.trouble))
    if found.failures:
        return Check(name, "warn", f"{found.trouble}", _todo(partner, found.trouble))
    return Check(name, "ok", "the partner answers")


def _stream(partner: str, found: StreamFigures, now: datetime, every: float) -> Check:
    name = f"stream {_called(partner, found)}"
    if found.trouble is not None and found.trouble_at is not None:
        since = age((now - found.trouble_at).total_seconds())
        return Check(name, "warn", f"{found.trouble}, {since} ago", _todo(partner, found.trouble))
    quiet = (now - found.read_at).total_seconds() if found.read_at else None
    # Only what is read by time is read in every round.
    if found.watermark is not None and quiet is not None and quiet > ROUNDS * every and not found.running:
        todo = "Start one `rxledger beat` and a worker, or run `rxledger pull`."
        return Check(name, "warn", f"it was last read {age(quiet)} ago", todo)
    more = ", the rest is still to be read" if found.unfinished else ""
    return Check(name, "ok", f"{found.seen:,} events in {found.pages:,} pages, {found.stored:,} new{more}")


def _refused(partner: str, found: StreamFigures, now: datetime) -> Iterator[Check]:
    """Single things that were not given lately: they end no run, so no other line tells of them."""
    if found.refused_at is None:
        return
    since = (now - found.refused_at).total_seconds()
    if since <= REFUSED_SECONDS:
        times = "once" if found.refused == 1 else f"{found.refused:,} times"
        text = f"{times} so far, the last one {age(since)} ago: {found.refusal}"
        yield Check(f"refused in {_called(partner, found)}", "warn", text, _about(partner, _REFUSED_TODO))


def _called(partner: str, found: StreamFigures) -> str:
    return found.name if partner == PHARMACY else f"{partner}.{found.name}"


def _todo(partner: str, trouble: str | None) -> str:
    return _about(partner, next((todo for sign, todo in _TODO.items() if sign in (trouble or "")), _THEIRS))


def _about(partner: str, todo: str) -> str:
    return todo.format(prefix=f"RXLEDGER_{partner.upper()}")
