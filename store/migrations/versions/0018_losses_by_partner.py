"""The loss ledger's days, by partner: two may call a callback alike."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# The version before writes no partner, and knows of one alone.
UP = """
ALTER TABLE losses ADD COLUMN partner text NOT NULL DEFAULT 'truepill';
ALTER TABLE losses DROP CONSTRAINT losses_pkey;
ALTER TABLE losses ADD PRIMARY KEY (day, partner, callback_type);
"""

DOWN = """
DELETE FROM losses WHERE partner <> 'truepill';
ALTER TABLE losses DROP CONSTRAINT losses_pkey;
ALTER TABLE losses ADD PRIMARY KEY (day, callback_type);
ALTER TABLE losses DROP COLUMN partner;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
