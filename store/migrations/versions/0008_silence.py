"""How partners push, the figures that workers keep for /metrics, and answers of pulls that were refusals."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE pushes (
    partner text NOT NULL,
    began_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_at timestamptz,
    PRIMARY KEY (partner)
);

CREATE TABLE push_gaps (
    partner text NOT NULL,
    day date NOT NULL,
    longest interval NOT NULL,
    PRIMARY KEY (partner, day)
);

CREATE TABLE gauges (
    name text NOT NULL,
    labels jsonb NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (name, labels)
);

-- A constant default writes no row, and the version before this one goes on beside it.
ALTER TABLE streams ADD COLUMN refused bigint NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN refused_at timestamptz;
ALTER TABLE streams ADD COLUMN refusal text;
"""

DOWN = """
ALTER TABLE streams DROP COLUMN refusal;
ALTER TABLE streams DROP COLUMN refused_at;
ALTER TABLE streams DROP COLUMN refused;
DROP TABLE gauges, push_gaps, pushes;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
