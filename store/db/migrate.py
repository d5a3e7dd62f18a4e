"""Bringing a database's schema to head."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from settings import Database
from store.db import partitions
from store.db.connections import connect
from store.db.engine import engine

__all__ = ["config", "current", "head", "upgrade"]


def config(database: Database | str) -> Config:
    """Alembic's configuration, in code: there is no ini file to find."""
    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    result.attributes["database"] = database
    return result


def upgrade(database: Database | str) -> None:
    """Run what is missing, then make the partitions. Safe to call from several processes at once."""
    command.upgrade(config(database), "head")
    with connect(database, "migrate") as conn:
        partitions.ensure(conn)


def head() -> str | None:
    """The revision this code wants."""
    return ScriptDirectory.from_config(config("")).get_current_head()


def current(database: Database | str) -> str | None:
    """The revision the database has; None when it was never migrated."""
    with engine(database).connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()
