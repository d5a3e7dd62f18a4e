"""How Alembic runs our migrations: one at a time on a database, none waiting long for a lock."""

from alembic import context
from sqlalchemy import event

from store.db.connections import connect
from store.db.engine import engine
from store.db.locks import MIGRATIONS
from store.schema import metadata

# A migration that cannot get its lock must give up before the requests behind it pile up.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"


def run() -> None:
    attributes = context.config.attributes
    lock_timeout = attributes.get("lock_timeout", LOCK_TIMEOUT)
    limits = f"SET LOCAL lock_timeout = '{lock_timeout}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
    # Two `migrate` at once run one after the other. The lock is another connection's, for as long as all of
    # them take: theirs are transactions of their own, and a session may be shared.
    with (
        connect(attributes["database"], "migrate", statement_ms=0, lock_ms=0) as holder,
        holder.transaction(),
    ):
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        holder.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (MIGRATIONS,))
        with engine(attributes["database"]).connect() as conn:
            event.listen(conn, "begin", lambda began: began.exec_driver_sql(limits))
            context.configure(
                connection=conn, target_metadata=metadata, transaction_per_migration=True, limits=limits
            )
            with context.begin_transaction():
                context.run_migrations()


run()
