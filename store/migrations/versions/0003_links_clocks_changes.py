"""Links and aliases, deadlines, the feed of changes, and drift."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
-- New columns are null, so the version before this one goes on reading and writing beside it.
ALTER TABLE facts ADD COLUMN due timestamptz;
ALTER TABLE entities ADD COLUMN due timestamptz;
ALTER TABLE entities ADD COLUMN deadline timestamptz;
ALTER TABLE entities ADD COLUMN registered_at timestamptz;
-- A summary of page ranges: moving a deadline touches no index from PostgreSQL 16 on, and old pages, whose
-- entities have come to an end, hold no deadline at all.
CREATE INDEX entities_deadline_idx ON entities USING brin (deadline) WITH (pages_per_range = 32);
-- Locking an entity writes a version of its row, moving it another one: both want room on the page.
ALTER TABLE entities SET (fillfactor = 50);
CREATE INDEX entities_review_idx ON entities (kind) WHERE review IS NOT NULL;

CREATE TABLE postings (
    hash uuid NOT NULL,
    entity_id bigint NOT NULL,
    domain text NOT NULL,
    PRIMARY KEY (hash, entity_id)
);
CREATE INDEX postings_entity_id_idx ON postings (entity_id);

CREATE TABLE aliases (
    kind text COLLATE "C" NOT NULL,
    alias text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, alias, key)
);

-- Written in the transaction of the change; its place in the feed is given once it is visible.
CREATE TABLE changes_unplaced (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_id bigint NOT NULL,
    from_state text,
    to_state text NOT NULL,
    outcome text,
    review text,
    since timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE changes (
    cursor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_id bigint NOT NULL,
    from_state text,
    to_state text NOT NULL,
    outcome text,
    review text,
    since timestamptz,
    changed_at timestamptz NOT NULL
);
CREATE INDEX changes_entity_id_idx ON changes (entity_id);

CREATE TABLE drift (
    partner text NOT NULL,
    what text NOT NULL,
    callback_type text NOT NULL,
    name text NOT NULL,
    count bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (partner, what, callback_type, name)
);
"""

DOWN = """
DROP TABLE drift, changes, changes_unplaced, aliases, postings;
ALTER TABLE entities DROP COLUMN registered_at;
ALTER TABLE entities DROP COLUMN deadline;
ALTER TABLE entities DROP COLUMN due;
ALTER TABLE facts DROP COLUMN due;
DROP INDEX entities_review_idx;
ALTER TABLE entities SET (fillfactor = 70);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
