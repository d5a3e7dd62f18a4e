"""The commands, by the module that holds each, in the order in which `rxledger --help` shows them.

A module has `register(app)`, and is loaded when one of its commands is asked for: what one command needs
costs no other its start.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.main import get_group

__all__ = ["MODULES", "Commands"]

MODULES = {
    "up": "run",
    "web": "run",
    "worker": "run",
    "beat": "run",
    "flower": "run",
    "migrate": "run",
    "demo": "demo",
    "show": "show",
    "trace": "trace",
    "track": "track",
    "stuck": "worklists",
    "worklist": "worklists",
    "payment-block": "payment_block",
    "checkout": "checkout",
    "payment": "payment",
    "changes": "changes",
    "tail": "changes",
    "replay": "replay",
    "pull": "pull",
    "receipt": "receipt",
    "loss": "loss",
    "drift": "drift",
    "stats": "stats",
    "doctor": "doctor",
    "diagram": "diagram",
    "sandbox": "sandbox",
    "events": "events",
    "quarantine": "quarantine",
}


class Commands(MutableMapping[str, Any]):
    """Commands by name, each built when it is looked up."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = dict.fromkeys(MODULES)

    def __getitem__(self, name: str) -> Any:
        if self._built[name] is None:
            part = typer.Typer()
            import_module(f"{__name__}.{MODULES[name]}").register(part)
            self._built |= get_group(part).commands
        return self._built[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Not the mapping's own: it takes a KeyError out of a command's module for a name without one."""
        return self[name] if name in self._built else default

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built)

    def __len__(self) -> int:
        return len(self._built)
