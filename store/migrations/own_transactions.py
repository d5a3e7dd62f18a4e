"""For a migration whose locks would keep others out for as long as its one transaction lasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic import op

__all__ = ["each_by_itself"]


def each_by_itself(statements: Iterable[str]) -> None:
    """Commit what was done so far, then run each statement in a transaction of its own, with our limits."""
    context = op.get_context()
    with context.autocommit_block():
        driver: Any = op.get_bind().connection.driver_connection
        for statement in statements:
            with driver.transaction():
                op.execute(context.opts["limits"])
                op.execute(statement)
