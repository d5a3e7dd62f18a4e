"""The command line. A group of commands is a module of `ops.commands` with `register(app)`.

Exit codes: 0 done; 1 not found, refused or differing, with the reason on stderr; 2 usage. Commands import
what they need when they run, so that each process holds only its own part in memory.
"""

from __future__ import annotations

import sys

import typer
from typer.main import get_command

from ops.commands import REGISTERED
from ops.local.processes import EmbeddedError
from ops.render.output import Refused
from settings import SettingsError

__all__ = ["app", "main"]

app = typer.Typer(
    name="rxledger",
    help="Turns pharmacy partners' webhooks into one trustworthy state per fill, and says what is missing.",
    no_args_is_help=True,
    add_completion=False,
    # Locals hold secrets and bodies: a traceback shows none of them.
    pretty_exceptions_enable=False,
)
for register in REGISTERED:
    register(app)
command = get_command(app)


def main() -> None:
    try:
        command()
    except (Refused, EmbeddedError, SettingsError) as error:
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

    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's error
    if isinstance(cause, psycopg.OperationalError):
        # libpq's texts name hosts, databases and users, never passwords.
        text = " ".join(str(cause).split())
        return f"PostgreSQL cannot be used just now: {text}"
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "the database's schema is older than this version: run `rxledger migrate`"
    if type(cause).__module__.startswith(("redis.", "kombu.", "amqp.")):
        return f"the broker cannot be used just now: {type(cause).__name__}"
    return None


if __name__ == "__main__":
    main()
