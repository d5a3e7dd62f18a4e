"""Records that are wanted at once, what was received of late, and the partner's clock beside ours."""

from alembic import op

from store.migrations.own_transactions import each_by_itself

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # First, and by itself: what was interrupted after it is done again.
    each_by_itself(
        [
            "CREATE INDEX IF NOT EXISTS facts_received_at_idx "
            "ON facts USING brin (received_at) WITH (pages_per_range = 32)"
        ]
    )
    # Without a default no row is written, and the version before this one goes on beside it.
    op.execute("ALTER TABLE calls ADD COLUMN skew double precision, ADD COLUMN skew_at timestamptz")
    op.execute(
        """
        CREATE TABLE wanted_records (
            kind text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            since timestamptz NOT NULL,
            next_at timestamptz NOT NULL,
            tries_left smallint NOT NULL,
            PRIMARY KEY (kind, key)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS facts_received_at_idx")
    op.execute("DROP TABLE wanted_records")
    op.execute("ALTER TABLE calls DROP COLUMN skew_at, DROP COLUMN skew")
