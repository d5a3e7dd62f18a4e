"""Where people read: tables and texts on stdout when there is no --json, notes and progress on stderr.

Imported where something is printed: a command that prints JSON starts without it.
"""

from __future__ import annotations

from rich.console import Console

__all__ = ["notes", "screen"]

screen = Console(highlight=False)
notes = Console(stderr=True, highlight=False)
