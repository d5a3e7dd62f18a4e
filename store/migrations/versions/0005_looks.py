"""Looks: events of our own in the queue, which are taken otherwise than copies."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a constant default no row is written, and the version before this one goes on inserting beside it.
    op.execute("ALTER TABLE queue ADD COLUMN look boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE queue DROP COLUMN look")
