"""Milliseconds of facts, a wait that outlives its state, quantities asked for, and what was unheard."""

from alembic import op

from store.migrations.own_transactions import each_by_itself

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default no row is written, and the version before this one goes on beside it. Each by itself,
    # so that what was interrupted is done again.
    each_by_itself(
        [
            "ALTER TABLE facts ADD COLUMN IF NOT EXISTS millisecond smallint",
            "ALTER TABLE entities ADD COLUMN IF NOT EXISTS waiting_since timestamptz, "
            "ADD COLUMN IF NOT EXISTS quantities bytea",
            """
            CREATE INDEX IF NOT EXISTS entities_unheard_idx ON entities (kind)
            WHERE registered_at IS NOT NULL AND last_at IS NULL
            """,
            # What waits for a payment waits since its state began, as far as that is known without its facts.
            """
            UPDATE entities SET waiting_since = since
            WHERE kind = 'fill_request' AND state = 'awaiting_payment' AND waiting_since IS NULL
            """,
        ]
    )


def downgrade() -> None:
    # The version before knows neither dates of lines nor these signals.
    op.execute(
        """
        UPDATE facts SET lines = (
            SELECT jsonb_agg(line - 4 ORDER BY n)
            FROM jsonb_array_elements(lines) WITH ORDINALITY AS l (line, n)
        )
        WHERE signal LIKE 'copay:%' OR signal LIKE 'seen:%'
        """
    )
    op.execute(
        """
        WITH gone AS (
            DELETE FROM facts WHERE signal IN ('claim:reversed', 'seen:unpaid', 'seen:present')
            RETURNING entity_id, fact_id
        )
        DELETE FROM event_facts f USING gone WHERE (f.entity_id, f.fact_id) = (gone.entity_id, gone.fact_id)
        """
    )
    op.execute("DROP INDEX entities_unheard_idx")
    op.execute("ALTER TABLE entities DROP COLUMN quantities, DROP COLUMN waiting_since")
    op.execute("ALTER TABLE facts DROP COLUMN millisecond")
