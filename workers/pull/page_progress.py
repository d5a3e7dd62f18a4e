"""How far a page of events leads, by the times in it. Pure."""

from __future__ import annotations

from partners.truepill.pages import Page
from store.pulls import cursors
from store.pulls.cursors import Progress
from store.pulls.leases import Stream

__all__ = ["keeps_to_time", "leads_further", "progress_of"]


def keeps_to_time(page: Page, since: int | None) -> bool:
    """Whether the partner gave nothing from before the time that was asked for, if one was.

    The second before is asked beyond, so that what is dated within it may come from one that compares
    milliseconds.
    """
    return since is None or all(event.at is None or event.at >= since - 1 for event in page.events)


def progress_of(
    page: Page, unidentified: int, *, last_newest: int | None, latest: int, keeps_to_time: bool
) -> Progress:
    """What a page adds. `last_newest` is the newest time of the page before, in Unix seconds as all here.

    A time after `latest` is still to come, and says nothing of how far the partner has shown its events: to
    go on from there would pass over the others.
    """
    times = [event.at for event in page.events if event.at is not None and event.at <= latest]
    newest = max(times, default=None)
    # One that begins before the end of the last page has shifted; one that also ends before it is astray.
    astray = last_newest is not None and newest is not None and newest < last_newest
    ordered = keeps_to_time and not astray and times == sorted(times)
    return Progress(len(page.events), unidentified, newest, ordered)


def leads_further(stream: Stream, progress: Progress) -> bool:
    """Whether the pass could go on by time from behind this page."""
    before = cursors.resume_at(stream)
    return before is None or (progress.newest is not None and progress.newest > before.timestamp())
