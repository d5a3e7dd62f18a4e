"""The audit: one row for each time a person looks at sealed content or changes something."""

from __future__ import annotations

from sqlalchemy import insert

from settings import Database
from store.db.engine import engine
from store.schema import audit

__all__ = ["record"]


def record(database: Database | str, who: str, action: str, subject: str, reason: str | None = None) -> None:
    """Commit one row before what it speaks of is done. `subject`: ids, or a kind and a key, never content."""
    with engine(database).begin() as conn:
        conn.execute(insert(audit).values(who=who, action=action, subject=subject, reason=reason))
