"""The loss ledger: when a fact came by push and by pull, how far streams reach back, and counts by day."""

from alembic import op

from store.migrations.own_transactions import each_by_itself

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    # Facts are written about when they occur: a summary of page ranges finds a day, and costs writes nothing.
    "CREATE INDEX IF NOT EXISTS facts_occurred_at_idx "
    "ON facts USING brin (occurred_at) WITH (pages_per_range = 32)",
    # Most deliveries went well: what did not is found without reading those.
    "CREATE INDEX IF NOT EXISTS deliveries_failed_idx ON deliveries (seq) "
    "WHERE status IS DISTINCT FROM 'success'",
)
UP = """
-- Null in every row so far: no delay is known of what came before.
ALTER TABLE facts ADD COLUMN pushed_at timestamptz;
ALTER TABLE facts ADD COLUMN pulled_at timestamptz;
-- How far back was read is not known of earlier passes: nothing before their end is judged.
ALTER TABLE streams ADD COLUMN covered_from timestamptz;
UPDATE streams SET covered_from = watermark WHERE watermark IS NOT NULL;

CREATE TABLE losses (
    day date NOT NULL,
    callback_type text NOT NULL,
    pushed bigint NOT NULL,
    pulled_only bigint NOT NULL,
    both_ways bigint NOT NULL,
    unconfirmed bigint NOT NULL,
    flagged bigint NOT NULL,
    PRIMARY KEY (day, callback_type)
);

CREATE TABLE losses_counted (
    day date PRIMARY KEY,
    counted_at timestamptz NOT NULL
);
"""

DOWN = """
DROP TABLE losses_counted, losses;
ALTER TABLE streams DROP COLUMN covered_from;
DROP INDEX deliveries_failed_idx;
DROP INDEX facts_occurred_at_idx;
ALTER TABLE facts DROP COLUMN pulled_at;
ALTER TABLE facts DROP COLUMN pushed_at;
"""


def upgrade() -> None:
    # Each by itself and before the columns: these lock out readers, for as long as their transaction lasts.
    each_by_itself(INDEXES)
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
