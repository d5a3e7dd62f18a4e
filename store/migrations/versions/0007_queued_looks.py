"""Queued looks are found without reading the queue: a backlog leaves them until several have gathered."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX queue_looks_idx ON queue (seq) WHERE look")


def downgrade() -> None:
    op.execute("DROP INDEX queue_looks_idx")
