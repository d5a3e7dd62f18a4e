"""The one error that a command ends with, for a person to read."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """Not found, refused or differing: the text, one line, goes to stderr and the exit code is 1."""
