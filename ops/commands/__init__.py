"""The groups of commands, in the order in which `rxledger --help` shows them."""

from __future__ import annotations

from collections.abc import Callable

import typer

from ops.commands import demo, doctor, events, quarantine, replay, run, show, stats

__all__ = ["REGISTERED"]

REGISTERED: tuple[Callable[[typer.Typer], None], ...] = (
    run.register,
    demo.register,
    show.register,
    events.register,
    quarantine.register,
    replay.register,
    stats.register,
    doctor.register,
)
