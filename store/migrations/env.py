"""How Alembic runs our migrations: one at a time on a database, none waiting long for a lock."""

from alembic import context
from sqlalchemy import text

from store.db.engine import engine
from store.db.locks import MIGRATIONS
from store.schema import metadata

# A migration that cannot get its lock must give up before the requests behind it pile up.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"


def run() -> None:
    with engine(context.config.attributes["database_url"]).connect() as conn:
        # Held for the session, so that two `migrate` at once run one after the other.
        conn.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": MIGRATIONS})
        lock_timeout = context.config.attributes.get("lock_timeout", LOCK_TIMEOUT)
        conn.execute(text(f"SET lock_timeout = '{lock_timeout}'"))
        conn.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        conn.commit()
        context.configure(connection=conn, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
