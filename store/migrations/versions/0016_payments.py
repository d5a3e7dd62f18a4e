"""Payments: facts without a time of their own, and what payments are for."""

from alembic import op

from store.migrations.own_transactions import each_by_itself

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    each_by_itself(
        [
            "ALTER TABLE facts ADD COLUMN IF NOT EXISTS undated boolean",
            """
            CREATE TABLE IF NOT EXISTS payment_joins (
                payment_id bigint NOT NULL,
                target_id bigint NOT NULL,
                position integer,
                token text COLLATE "C",
                basis text NOT NULL,
                PRIMARY KEY (payment_id, target_id)
            )
            """,
            "CREATE INDEX IF NOT EXISTS payment_joins_target_id_idx ON payment_joins (target_id)",
            """
            CREATE TABLE IF NOT EXISTS payment_names (
                hash uuid NOT NULL,
                payment_id bigint NOT NULL,
                PRIMARY KEY (hash, payment_id)
            )
            """,
            "CREATE INDEX IF NOT EXISTS payment_names_payment_id_idx ON payment_names (payment_id)",
            """
            CREATE TABLE IF NOT EXISTS payments_unplaced (
                payment_id bigint PRIMARY KEY,
                since timestamptz NOT NULL
            )
            """,
            """
            CREATE INDEX IF NOT EXISTS entities_paid_idx ON entities (since)
            WHERE moved_by = 'payment:known'
            """,
            """
            CREATE INDEX IF NOT EXISTS entities_waiting_since_idx ON entities (waiting_since)
            WHERE waiting_since IS NOT NULL
            """,
        ]
    )


def downgrade() -> None:
    op.execute("DROP TABLE payment_names")
    op.execute("DROP TABLE payment_joins")
    for table in ("facts", "event_facts", "postings", "changes", "changes_unplaced"):
        op.execute(
            f"DELETE FROM {table} t USING entities e "
            "WHERE e.id = t.entity_id AND e.kind IN ('payment', 'checkout')"
        )
    op.execute("DELETE FROM entities WHERE kind IN ('payment', 'checkout')")
    op.execute("DROP TABLE payments_unplaced")
    op.execute("DROP INDEX entities_paid_idx")
    op.execute("DROP INDEX entities_waiting_since_idx")
    op.execute("ALTER TABLE facts DROP COLUMN undated")
