"""The groups of commands, in the order in which `rxledger --help` shows them."""

from __future__ import annotations

from collections.abc import Callable

import typer

from ops.commands import (
    changes,
    demo,
    diagram,
    doctor,
    drift,
    events,
    loss,
    pull,
    quarantine,
    replay,
    run,
    sandbox,
    show,
    stats,
    trace,
    track,
    worklists,
)

__all__ = ["REGISTERED"]

REGISTERED: tuple[Callable[[typer.Typer], None], ...] = (
    run.register,
    sandbox.register,
    demo.register,
    show.register,
    trace.register,
    track.register,
    worklists.register,
    changes.register,
    events.register,
    quarantine.register,
    replay.register,
    pull.register,
    loss.register,
    drift.register,
    stats.register,
    doctor.register,
    diagram.register,
)
