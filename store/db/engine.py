"""The SQLAlchemy engine, for what people query and for the migrations.

Apart from `store.db.connections`, since the receiver and the workers need none of it: it is 15 MiB of each
process.
"""

from __future__ import annotations

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from store.db.connections import parameters

__all__ = ["engine"]


def engine(url: str) -> Engine:
    """A SQLAlchemy engine on psycopg, one connection a use: for the command line and the migrations.

    The address is libpq's to read, not SQLAlchemy's: several hosts, a socket, any of its parameters.
    """
    given = parameters(url, "ops")
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**given),
        poolclass=NullPool,
        hide_parameters=True,
    )
