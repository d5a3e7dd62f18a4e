"""The spine: events and their bodies, the queue, entities and facts."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UP = """
CREATE TABLE events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    partner text NOT NULL,
    via text NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT events_id_key UNIQUE (id)
);

CREATE TABLE bodies (
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    id uuid NOT NULL,
    partner text NOT NULL,
    via text NOT NULL,
    sealed bytea NOT NULL
) PARTITION BY RANGE (received_at);
-- What is sealed does not compress: trying costs time for nothing.
ALTER TABLE bodies ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX bodies_seq_idx ON bodies (seq);
CREATE TABLE bodies_default PARTITION OF bodies DEFAULT;

-- Every row lives for seconds: vacuum by count, not by share, or a quiet night leaves a day's dead rows.
CREATE TABLE queue (
    seq bigint PRIMARY KEY,
    received_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    last_error text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX queue_due_at_idx ON queue (due_at);

CREATE TABLE quarantine (
    seq bigint PRIMARY KEY,
    reason text NOT NULL,
    detail text,
    callback_type text,
    since timestamptz NOT NULL,
    retry_at timestamptz
);
CREATE INDEX quarantine_reason_idx ON quarantine (reason);
CREATE INDEX quarantine_retry_at_idx ON quarantine (retry_at) WHERE retry_at IS NOT NULL;

-- Room on each page for the next version of a row, so that an update touches no index.
CREATE TABLE entities (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    state text NOT NULL,
    since timestamptz,
    moved_by text,
    outcome text,
    review text,
    last_at timestamptz,
    first_seen timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT entities_kind_key_key UNIQUE (kind, key)
) WITH (fillfactor = 70);

CREATE TABLE facts (
    entity_id bigint NOT NULL,
    fact_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    signal text NOT NULL,
    code text,
    discriminator bytea NOT NULL,
    lines jsonb,
    detail bytea,
    via text[] NOT NULL,
    events uuid[] NOT NULL,
    preferred uuid NOT NULL,
    preferred_via text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (entity_id, fact_id)
);
ALTER TABLE facts ALTER COLUMN detail SET STORAGE EXTERNAL;

CREATE TABLE outcomes (
    seq bigint NOT NULL,
    entity_id bigint NOT NULL,
    fact_id uuid NOT NULL,
    callback_type text NOT NULL,
    PRIMARY KEY (seq, entity_id, fact_id)
);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE outcomes, facts, entities, quarantine, queue, bodies, events")
