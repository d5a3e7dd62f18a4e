"""Pulls: pages that bring nothing are counted over the runs of a pass."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a constant default no row is written, and the version before this one goes on beside it.
    op.execute("ALTER TABLE streams ADD COLUMN pass_idle integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE streams DROP COLUMN pass_idle")
