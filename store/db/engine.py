"""The SQLAlchemy engine, for what people query and for the migrations.

Apart from `store.db.connections`, since the receiver and the workers need none of it: it is 15 MiB of each
process.
"""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from settings import Database
from store.db.connections import call_for, dial

__all__ = ["engine"]


def engine(database: Database | str) -> Engine:
    """A SQLAlchemy engine on psycopg, one connection a use: for the command line and the migrations.

    The address is libpq's to read, not SQLAlchemy's: several hosts, a socket, any of its parameters.
    """
    call = call_for(database, "ops")
    made = create_engine(
        "postgresql+psycopg://", creator=lambda: dial(call), poolclass=NullPool, hide_parameters=True
    )
    if call.said:
        event.listen(made, "begin", lambda conn: conn.exec_driver_sql(call.said))
    return made
