"""What is raised for settings that are missing or cannot be used."""

from __future__ import annotations

__all__ = ["SettingsError"]


class SettingsError(Exception):
    """One or more settings are missing or cannot be used; the text has one line for each."""
