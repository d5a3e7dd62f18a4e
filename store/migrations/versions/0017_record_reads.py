"""What is read of a partner one by one, and when it is due."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE record_reads (
            partner text NOT NULL,
            stream text NOT NULL,
            hash uuid NOT NULL,
            sealed bytea NOT NULL,
            changed_at timestamptz NOT NULL,
            read_at timestamptz,
            next_at timestamptz NOT NULL,
            fruitless smallint NOT NULL,
            is_open boolean NOT NULL,
            trouble text,
            PRIMARY KEY (partner, stream, hash)
        )
        """
    )
    op.execute("CREATE INDEX record_reads_next_at_idx ON record_reads (partner, stream, next_at)")


def downgrade() -> None:
    op.execute("DROP TABLE record_reads")
