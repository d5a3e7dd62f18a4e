"""The SQLAlchemy engine, for what people query and for the migrations.

Apart from `store.db.connections`, since the receiver and the workers need none of it: it is 15 MiB of each
process.
"""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

__all__ = ["engine"]


def engine(url: str) -> Engine:
    """A SQLAlchemy engine on psycopg, one connection a use: for the command line and the migrations."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"application_name": "rxledger-ops", "connect_timeout": 3, "options": "-c timezone=UTC"},
    )
