"""What all tables share."""

from __future__ import annotations

from sqlalchemy import DateTime, MetaData, Text

__all__ = ["Key", "Moment", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)

Moment = DateTime(timezone=True)
# Bytewise order, so that Python's sort and the server's lock rows in one order.
Key = Text(collation="C")
