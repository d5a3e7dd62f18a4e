"""Where the repository stands, and in it the callbacks that the partner's reference prints."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CALLBACKS", "CALLBACK_NAMES", "ROOT"]

ROOT = Path(__file__).parents[2]
#: `<type>.<status>.<number>.json`, and `page.<kind>.<number>.json` for pages of pulled events.
CALLBACKS = ROOT / "tests" / "data" / "callbacks"
#: The names of those that are callbacks themselves, without `.json`.
CALLBACK_NAMES = sorted(path.stem for path in CALLBACKS.glob("*.json") if not path.stem.startswith("page."))
