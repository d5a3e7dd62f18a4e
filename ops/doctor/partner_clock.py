"""The check of `doctor` about the partner's clock: its news is dated by it, and our deadlines run by ours."""

from __future__ import annotations

from collections.abc import Iterator

from ops.doctor.checks import Check
from ops.render.tables import age
from settings import Settings
from store.pulls.rate_limit import CLOCKS_AGREE_SECONDS
from store.reports.pull_figures import Circuit

__all__ = ["partner_clock"]

_BEHIND = (
    "All that the partner states looks that much older than it is: deadlines and silence are told too early, "
    "and records are asked for too often. Nothing is lost. See that this machine's clock is right (NTP); "
    "if it is, tell the partner."
)
_AHEAD = (
    "What the partner dates more than ten minutes ahead waits in quarantine (future_time) until then, and "
    "deadlines come late. See that this machine's clock is right (NTP); if it is, tell the partner."
)


def partner_clock(found: Circuit, settings: Settings) -> Iterator[Check]:
    """Whether the partner's clock goes with ours, once that was measured. The sandbox's may lag by design."""
    if found.skew is None:
        return
    name, apart = f"clock of {found.partner}", abs(found.skew)
    if apart <= CLOCKS_AGREE_SECONDS:
        yield Check(name, "ok", "it goes with ours")
        return
    text = f"it is {age(apart)} {'behind' if found.skew < 0 else 'ahead of'} ours"
    if found.skew < 0 and _is_sandbox(settings, found.partner):
        yield Check(name, "ok", f"{text}, as a sandbox's may be")
        return
    yield Check(name, "warn", text, _BEHIND if found.skew < 0 else _AHEAD)


def _is_sandbox(settings: Settings, partner: str) -> bool:
    sandbox = settings.sandbox_url
    called = settings.partner(partner).base_url
    return None not in (sandbox, called) and str(called).startswith(str(sandbox).rstrip("/"))
