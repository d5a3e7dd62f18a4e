"""The command line.

Exit codes: 0 done; 1 not found, refused or differing, with the reason on stderr; 2 usage. A command is
loaded when it is asked for, and imports what it needs when it runs: it starts quickly, and holds only its
own part in memory.
"""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ops.commands import Commands
from ops.refused import Refused
from settings import SettingsError

__all__ = ["app", "main"]


class Group(TyperGroup):
    """The commands of `ops.commands`, none of them loaded yet."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = Commands()


app = typer.Typer(
    name="rxledger",
    cls=Group,
    help="Turns pharmacy partners' webhooks into one trustworthy state per fill, and says what is missing.",
    no_args_is_help=True,
    add_completion=False,
    # Locals hold secrets and bodies: a traceback shows none of them.
    pretty_exceptions_enable=False,
)
app.callback()(lambda: None)
command = get_command(app)


def main() -> None:
    try:
        command()
    except (Refused, SettingsError) as error:
        sys.stderr.write(f"rxledger: {error}\n")
        sys.exit(1)
    except Exception as error:
        reason = _environments_fault(error)
        if reason is None:
            raise
        sys.stderr.write(f"rxledger: {reason}\n")
        sys.exit(1)


def _environments_fault(error: Exception) -> str | None:
    """What to say about a server that cannot be reached; None for everything else."""
    import psycopg

    from store.db.connections import PoolerNoticed

    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's error
    if isinstance(cause, PoolerNoticed):
        return str(cause)
    if isinstance(cause, psycopg.OperationalError):
        # libpq's texts name hosts, databases and users, never passwords.
        text = " ".join(str(cause).split())
        return f"PostgreSQL cannot be used just now: {text}"
    if isinstance(cause, psycopg.errors.InsufficientPrivilege | psycopg.errors.InvalidSchemaName):
        # The server's text names a schema or a table; of a statement's values it has none.
        text = (cause.diag.message_primary or "").strip()
        return (
            f"PostgreSQL does not let this role do it: {text}. `rxledger migrate` wants the owner of the "
            "database or of a schema in its search_path, other processes SELECT, INSERT, UPDATE and DELETE "
            "on our tables"
        )
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "the database's schema is older than this version: run `rxledger migrate`"
    if type(cause).__module__.startswith(("redis.", "kombu.", "amqp.")):
        return f"the broker cannot be used just now: {type(cause).__name__}"
    return None


if __name__ == "__main__":
    main()
